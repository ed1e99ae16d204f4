-- Messages of a topic outside of this database that bear positions of a log as it was before it was moved: all those before
-- the offset. They are removed before anybody reads on. Null: there are none.

set local lock_timeout = '10s';

alter table topics.partitions add column former_end bigint;
