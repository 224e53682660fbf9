-- The availability zone that it was of; null where none was asked for.
alter table capacity_events add column zone text check (zone in ('1', '2', '3'));
