import type { Database } from '@daybook/infra/database/database.ts';
import type { Broken } from './contract.ts';
import { loopName, postgresTimers } from './timers.postgres-subject.ts';
import type { TimersSubject } from './timers.subject.ts';

type Fault = Readonly<{ name: string; clause: string; bend: (database: Database) => Promise<unknown> }>;

/** A trigger before each row of a table is written. */
const before =
  (what: string, table: string, body: string) =>
  ({ pool }: Database): Promise<unknown> =>
    pool.query(`
      create function runtime.bent() returns trigger language plpgsql as $$ begin ${body} end $$;
      create trigger bent before ${what} on runtime.${table} for each row execute function runtime.bent();`);

const faults: readonly Fault[] = [
  {
    name: 'keeps what fired',
    clause: 'fires-once',
    bend: before('delete', 'timers', 'if old.fire_at <= now() then return null; end if; return old;'),
  },
  {
    name: 'fires early',
    clause: 'never-early',
    bend: before('insert', 'timers', 'new.fire_at := now(); return new;'),
  },
  {
    name: 'drops what is overdue',
    clause: 'fires-what-is-overdue',
    bend: before('insert', 'timers', 'if new.due_at < now() then return null; end if; return new;'),
  },
  {
    name: 'drops what is far',
    clause: 'waits-for-what-is-far',
    bend: before(
      'insert',
      'timers',
      "if new.due_at > now() + interval '1 day' then return null; end if; return new;",
    ),
  },
  {
    name: 'keeps the first time',
    clause: 'replaces-by-name',
    bend: before('update', 'timers', 'return null;'),
  },
  {
    name: 'has one timer an instance',
    clause: 'keeps-names-apart',
    bend: before('insert', 'timers', "new.timer := 'tea'; return new;"),
  },
  {
    name: 'ignores cancelling',
    clause: 'cancels',
    // Whether it is a cancelling or a firing shows in whose connection it is, however long either takes.
    bend: before(
      'delete',
      'timers',
      `if current_setting('application_name') <> '${loopName}' then return null; end if; return old;`,
    ),
  },
  {
    name: 'forgets tenants',
    clause: 'keeps-tenants-apart',
    bend: before('insert', 'timers', "new.tenant_id := 'a'; return new;"),
  },
  {
    name: 'forgets the request',
    clause: 'carries-the-cause',
    bend: before(
      'insert',
      'timers',
      `new.metadata := new.metadata || '{"correlationId":"lost"}'; return new;`,
    ),
  },
  {
    name: 'changes names',
    clause: 'fires',
    bend: before('insert', 'timers', 'new.timer := upper(new.timer); return new;'),
  },
  {
    name: 'keeps timers of what finished',
    clause: 'ends-with-its-instance',
    bend: before('delete', 'timers', 'return null;'),
  },
  {
    name: 'is half a minute off the schedule',
    clause: 'wakes-on-a-schedule',
    bend: before('insert', 'timers', "new.due_at := new.due_at - interval '30 seconds'; return new;"),
  },
];

/** Timers in databases that each break one promise. */
export const brokenTimers: readonly Broken<TimersSubject>[] = faults.map(({ name, clause, bend }) => ({
  name,
  clause,
  make: postgresTimers(bend, 1_500),
}));
