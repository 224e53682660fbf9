-- What was given back, so that the hours of a machine can be told; and a way to what is old.
alter table capacity_events drop constraint capacity_events_kind_check;
alter table capacity_events add constraint capacity_events_kind_check
  check (kind in ('Asked', 'Granted', 'Refused', 'Evicted', 'Released'));

create index capacity_events_by_time on capacity_events (at);
create index capacity_events_by_machine on capacity_events (gpu_vm_uid, at);
