/** Two tenants side by side: one has what nobody can handle, the other is to notice nothing. */
import { expect } from '@jest/globals';
import type { Parked } from '@daybook/infra/parking/parked.ts';
import type { OutMessage } from '@daybook/kernel/ports/topics.ts';
import { callerOf, must, signUp, type Person } from '../support/caller.ts';
import { eventually } from '../support/eventually.ts';
import type { Load } from '../support/load.ts';
import { goesOn, type Arena } from './arena.ts';

type ParkedItem = Pick<Parked, 'parkedId' | 'consumer' | 'reason' | 'attempts' | 'failedAt'>;

/** Waits until so many of a tenant's messages are parked. */
export function parkedOf(person: Person, count: number): Promise<readonly ParkedItem[]> {
  return eventually(
    async () => {
      const body = must(await person.call('GET', '/v1/operations/parked?limit=100'), 200);
      const { items } = body as { items: readonly ParkedItem[] };
      expect(items.length).toBe(count);
      return items;
    },
    { withinMs: 60_000, everyMs: 100 },
  );
}

/** Two people with tenants of their own, each under load. */
export async function twoTenants(arena: Arena): Promise<readonly [Person, Person, Load, Load]> {
  const [sick, well] = await Promise.all([
    signUp(callerOf(arena.system.addresses), 'Sick Shop'),
    signUp(callerOf(arena.system.addresses), 'Well Shop'),
  ]);
  const loads = [sick, well].map((person) => arena.load({ person, pages: 1, callers: 2 }));
  for (const load of loads) await goesOn(load, 5);
  return [sick, well, loads[0] as Load, loads[1] as Load];
}

/** A query that waits for the last command answers with it. */
export async function isCurrent(person: Person, load: Load): Promise<void> {
  const headers = { 'daybook-min-position': load.acked().at(-1)?.position ?? '' };
  await eventually(async () => must(await person.call('GET', '/v1/market/products', { headers }), 200), {
    withinMs: 60_000,
  });
}

/** A query that waits for the last command says that the read model is not that far. */
export async function isBehind(person: Person, load: Load): Promise<void> {
  const headers = { 'daybook-min-position': load.acked().at(-1)?.position ?? '' };
  expect(await person.call('GET', '/v1/market/products', { headers })).toMatchObject({
    status: 503,
    code: 'position-timeout',
  });
}

/** A message that nobody can read. */
export function junk(key: string, value: Buffer): OutMessage {
  return { key, value, headers: { 'content-type': 'application/octet-stream' } };
}
