-- What was asked of Azure, granted, refused and taken back. A help for rankings and for people; nothing needs it.
create table capacity_events (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  kind text not null check (kind in ('Asked', 'Granted', 'Refused', 'Evicted')),
  region text not null,
  size text not null,
  priority text not null check (priority in ('Spot', 'Regular')),
  code text,
  hourly_price_usd numeric(10, 5),
  gpu_vm_uid text not null
);

create index capacity_events_by_place on capacity_events (region, size, priority, at);
