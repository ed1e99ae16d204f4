import { expect, test } from '@jest/globals';
import { migrationNames, readMigration } from '@daybook/infra/database/migration-file.ts';
import { brokenRules } from './migration-rules.ts';

test.each(migrationNames())('%s is safe while the code of before runs', (name) => {
  const { text } = readMigration(name);
  expect(brokenRules(text)).toEqual([]);
});

test('numbers are given once, so that order never depends on the rest of a name', () => {
  const numbers = migrationNames().map((name) => name.slice(0, 4));
  expect(numbers).toEqual([...new Set(numbers)]);
  expect(numbers.every((number) => /^\d{4}$/.test(number))).toBe(true);
});

test.each([
  ['alter table runtime.holds add column note text not null', 'has a default'],
  ['alter table runtime.holds add column id uuid not null default gen_random_uuid()', 'is a constant'],
  ['alter table log.events alter column revision type bigint', 'change its type'],
  ['alter table runtime.holds drop column reason', 'oldest code'],
  ['drop table runtime.holds', 'oldest code'],
  ['drop function topics.publish', 'oldest code'],
  ['alter table log.events add constraint positive check (position > 0)', 'not valid'],
  ['create index events_type on log.events (type)', 'concurrently'],
  ["update log.events set type = 'x'", 'as a whole'],
  ['-- transaction: none\ncreate index concurrently a on log.events (type)', 'may run again'],
])('%s is refused', (text, says) => {
  expect(brokenRules(text).join()).toContain(says);
});

test.each([
  'alter table runtime.holds add column note text',
  'alter table runtime.holds add column a boolean not null default false, add column b text',
  '-- oldest code: 0120\nalter table runtime.holds drop column reason',
  'create table log.more (a int); create index more_a on log.more (a); update log.more set a = 1',
  '-- transaction: none\ncreate index concurrently if not exists events_type on log.events (type)',
  'drop function topics.publish(integer); create function topics.publish(a integer) returns void language sql as $$ delete from log.events $$',
  'create index holds_reason on runtime.holds (reason)',
])('%s is fine', (text) => {
  expect(brokenRules(text)).toEqual([]);
});
