-- What Azure said to a refusal, without which nobody knows how far and how long it counts; and that a zone is none for a
-- machine, or for anybody. A new operator learns from both what must not be asked for yet.
alter table capacity_events add column message text;
alter table capacity_events drop constraint capacity_events_kind_check;
alter table capacity_events add constraint capacity_events_kind_check
  check (kind in ('Asked', 'Granted', 'Refused', 'Unfit', 'Evicted', 'Released'));
