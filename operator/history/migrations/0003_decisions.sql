-- What each decision about a machine was made from, as the flight recorder wrote it: text, so that it can be decided again.
create table decisions (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  namespace text not null,
  name text not null,
  gpu_vm_uid text not null,
  record text not null
);

create index decisions_by_machine on decisions (namespace, name, id);
create index decisions_by_time on decisions (at);
