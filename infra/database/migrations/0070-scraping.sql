-- What scrapers hold of hosts over all workers and processes: the pages still to fetch, whose turn it is, the pace, and
-- what was learned. Requests come from their topic and observations go to theirs; nothing here is the only copy of a fact.
create schema scraping;

-- One row a host (`shop.example`, `127.0.0.1:8080`). Who holds the lease fetches from it; nobody else does.
create table scraping.hosts (
  host           text        primary key,
  -- Has unfinished requests. Kept under the row's lock, so that nobody sleeps on a request.
  waiting        boolean     not null default false,
  -- No request starts before: the crawl-delay, or the end of a back-off.
  next_at        timestamptz not null default '-infinity',
  -- Failures in a row, for the back-off.
  failures       integer     not null default 0,
  -- What was learned: see `scrapers/politeness/host-memory.ts`.
  memory         jsonb       not null default '{}',
  worker         uuid,
  leased_until   timestamptz not null default '-infinity'
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02);
create index hosts_waiting on scraping.hosts (next_at) where waiting;

-- Requests in order of arrival within a host. Finished ones stay for a day, so that a redelivery is recognised.
create table scraping.requests (
  request_id  uuid        primary key,
  seq         bigint      generated always as identity,
  host        text        not null,
  -- The message as it came: url, source, product, metadata.
  message     jsonb       not null,
  attempts    integer     not null default 0,
  finished_at timestamptz
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
create index requests_waiting on scraping.requests (host, seq) where finished_at is null;
create index requests_finished on scraping.requests (finished_at) where finished_at is not null;

-- By which method each product last gave its price: where it is gone, the page has changed.
create table scraping.pages (
  product_id uuid primary key,
  method     text not null
);

-- robots.txt by origin, shared by all workers. `status` is null where the last attempt got no answer.
create table scraping.robots (
  origin     text        primary key,
  status     integer,
  body       text        not null,
  fetched_at timestamptz not null default now(),
  expires_at timestamptz not null
);

-- Takes requests in, each once. Hosts are locked in order of name, here and in `settle`: no two calls wait for each other.
create function scraping.enqueue(ids uuid[], hosts text[], messages jsonb[]) returns void
language plpgsql as $$
begin
  insert into scraping.requests (request_id, host, message)
  select r.id, r.host, r.message
    from unnest(ids, hosts, messages) with ordinality as r (id, host, message, n)
   order by r.n
  on conflict (request_id) do nothing;
  insert into scraping.hosts as h (host, waiting)
  select distinct r.host, true from unnest(hosts) as r (host) order by r.host
  on conflict (host) do update set waiting = true where not h.waiting;
end
$$;

-- Leases up to `slots` hosts whose turn it is and hands out their next requests, oldest first.
create function scraping.claim(by_worker uuid, slots integer, per_host integer, lease_ms integer)
returns table (host text, memory jsonb, failures integer, requests jsonb)
language sql as $$
  with due as (
    select h.host from scraping.hosts h
     where h.waiting and h.next_at <= now() and h.leased_until <= now()
     order by h.next_at
     limit slots
       for update skip locked
  ), leased as (
    update scraping.hosts h
       set worker = by_worker, leased_until = now() + lease_ms * interval '1 millisecond'
      from due where h.host = due.host
    returning h.host, h.memory, h.failures
  )
  select l.host, l.memory, l.failures, coalesce(r.requests, '[]')
    from leased l
    left join lateral (
      select jsonb_agg(jsonb_build_object('message', q.message, 'attempts', q.attempts, 'method', q.method)
                       order by q.seq) as requests
        from (
          select r.seq, r.message, r.attempts, p.method
            from scraping.requests r
            left join scraping.pages p on p.product_id = (r.message->'data'->>'productId')::uuid
           where r.host = l.host and r.finished_at is null
           order by r.seq
           limit per_host
        ) q
    ) r on true
$$;

-- Closes finished requests, counts attempts of those that are put back, and gives hosts back with their pace and memory.
-- A host whose lease went to another worker is left to that one.
create function scraping.settle(
  by_worker uuid, finished uuid[], again uuid[],
  hosts text[], pause_ms integer[], host_failures integer[], memories jsonb[],
  products uuid[], methods text[]
) returns void
language plpgsql as $$
begin
  update scraping.requests set finished_at = now() where request_id = any (finished) and finished_at is null;
  update scraping.requests set attempts = attempts + 1 where request_id = any (again);
  insert into scraping.pages as p (product_id, method)
  select distinct on (m.product_id) m.product_id, m.method
    from unnest(products, methods) as m (product_id, method)
   order by m.product_id
  on conflict (product_id) do update set method = excluded.method where p.method <> excluded.method;
  if cardinality(hosts) = 0 then
    return;
  end if;
  -- Locked first, so that `exists` below sees every request whose arrival marked the host.
  perform from scraping.hosts h where h.host = any (hosts) order by h.host for update;
  update scraping.hosts h
     set worker = null,
         leased_until = '-infinity',
         next_at = now() + s.pause_ms * interval '1 millisecond',
         failures = s.failures,
         memory = s.memory,
         waiting = exists (select from scraping.requests r where r.host = h.host and r.finished_at is null)
    from unnest(hosts, pause_ms, host_failures, memories) as s (host, pause_ms, failures, memory)
   where h.host = s.host and h.worker = by_worker;
end
$$;
