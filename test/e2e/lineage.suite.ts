import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Explanation, LineageNode } from '@daybook/infra/lineage/explanation.ts';
import { must, type Person } from '../support/caller.ts';
import { eventually } from '../support/eventually.ts';
import { startDaybook } from '../support/processes.ts';
import { checked, pageOf, stepMs, track, type Page, type Stage } from './stage.ts';

/** ENG-13: from a value of a read model to the events that made it, the command, the actor and the request. */
export function lineageSuite(stage: () => Stage): void {
  describe('lineage', () => {
    const asked = `asked-${randomUUID()}`;
    const tracked = `tracked-${randomUUID()}`;
    let person: Person;
    let productId: string;

    beforeAll(async () => {
      person = await stage().join();
      productId = await track(
        { ...person, call: withCorrelation(tracked) },
        pageOf(stage().shop, 'harbour-mug'),
      );
      const first = await checked(person, productId, 'price');
      await eventually(() => {
        stage().letPass(stepMs);
        expect(stage().shop.listing('harbour-mug').amountMinor).not.toBe(first.price?.amountMinor);
      });
      must(await withCorrelation(asked)('POST', `/v1/market/products/${productId}/check`), 202);
      // The events come from the log; the row comes from its read model, a moment later.
      await eventually(
        async () => {
          const { total, row } = await explain('amountMinor');
          expect(total).toBeGreaterThan(1);
          expect(row?.['amountMinor']).not.toBe(first.price?.amountMinor);
        },
        { withinMs: 60_000 },
      );
    }, 120_000);

    const withCorrelation =
      (correlationId: string): Person['call'] =>
      (method, path, options) =>
        person.call(method, path, { ...options, headers: { 'x-correlation-id': correlationId } });
    const explain = async (column?: string, path = `products/${productId}`): Promise<Explanation> =>
      must(
        await person.call('GET', `/v1/lineage/${path}${column === undefined ? '' : `?column=${column}`}`),
        200,
      ) as Explanation;
    const ways = (nodes: readonly LineageNode[]) =>
      nodes.map(({ kind, name }) => `${kind} ${name ?? ''}`.trim());
    const answered = ['message PriceObservation', 'message ScrapeRequested'];

    test('a price goes back to who asked for the check, and to who tracked the product', async () => {
      const { events, row, total } = await explain('amountMinor');
      expect(events).toHaveLength(total);
      const [last] = events;
      expect(last).toMatchObject({
        type: 'PriceObserved',
        actor: { kind: 'process', id: 'priceRecording' },
        command: { name: 'RecordPriceObservation' },
        request: { correlationId: asked },
        changes: expect.arrayContaining([
          { column: 'amountMinor', before: expect.any(Number), after: row?.['amountMinor'] },
        ]),
      });
      const recording = ['command RecordPriceObservation', ...answered];
      expect(ways(last?.causes ?? [])).toEqual([
        ...recording,
        'event CheckRequested',
        'command CheckProduct',
        'request',
      ]);
      const user = { kind: 'user', id: person.userId };
      expect(last?.causes.at(-1)).toMatchObject({ kind: 'request', id: asked, actor: user });
      const first = events.at(-1);
      expect(ways(first?.causes ?? [])).toEqual([
        ...recording,
        'event ProductTracked',
        'command TrackProduct',
        'request',
      ]);
      expect(first?.causes.at(-1)).toMatchObject({ kind: 'request', id: tracked, actor: user });
      for (const { at } of last?.causes ?? []) expect(at).toEqual(expect.any(String));
    });

    test('what followed from tracking is a tree: the scrape, the price, and the timer that waits', async () => {
      await eventually(async () => {
        const { events, differs } = await explain();
        expect(differs).toEqual([]);
        const effects = events.at(-1)?.effects ?? [];
        const tree = effects.map(({ depth, kind, name, state }) => [depth, kind, name, state]);
        expect(tree).toEqual([
          [0, 'message', 'ScrapeRequested', null],
          [1, 'message', 'PriceObservation', null],
          [2, 'command', 'RecordPriceObservation', null],
          [3, 'event', 'PriceObserved', null],
          [0, 'timer', 'check', 'waiting'],
        ]);
      });
    });

    test('everybody’s read models are explained: the plan of the tenant goes back to its sign-up', async () => {
      const { items } = must(await person.call('GET', '/v1/events?type=PlanCreated'), 200) as Page<{
        stream: string;
      }>;
      const planId = items[0]?.stream.replace('plan-', '') ?? '';
      const { events } = await explain(undefined, `plans/${planId}`);
      const causes = ways(events[0]?.causes ?? []);
      expect(causes.slice(0, 2)).toEqual(['command CreatePlan', 'event SignupVerified']);
      expect(causes.at(-1)).toBe('request');
    });

    test('what is not there, or not theirs, is not found; what makes no sense is refused', async () => {
      const stranger = await stage().join();
      const ask = async (who: Person, path: string) => {
        const { status, code, body } = await who.call('GET', `/v1/lineage/${path}`);
        return [status, code, (body as { about?: unknown }).about];
      };
      const none = await ask(stranger, `products/${randomUUID()}`);
      expect(none).toEqual([404, 'not-found', undefined]);
      expect(await ask(stranger, `products/${productId}`)).toEqual(none);
      expect(await ask(person, 'cups/1')).toEqual([
        404,
        'not-found',
        { readModel: 'cups', known: expect.stringContaining('products') },
      ]);
      expect((await ask(person, `prices/${productId}`)).slice(0, 2)).toEqual([400, 'input-invalid']);
      expect((await ask(person, `products/${productId}?column=no`)).slice(0, 2)).toEqual([
        400,
        'input-invalid',
      ]);
    });

    test('daybook explain says the same to the operator, and whose row it is', async () => {
      const run = async (...args: string[]): Promise<[unknown, string]> => {
        const command = startDaybook(['explain', ...args], stage().env);
        return [await command.ended, command.output()];
      };
      const [code, text] = await run('products', productId, '--column', 'amountMinor');
      expect(code).toBe(0);
      expect(text).toContain(`of ${person.tenantId}`);
      expect(text).toMatch(/command RecordPriceObservation .*, by process priceRecording/);
      expect(text).toMatch(new RegExp(`request ${asked}, by user ${person.userId}`));
      expect(await run('products', randomUUID())).toEqual([
        2,
        expect.stringContaining('No tenant has such a row'),
      ]);
      expect(await run('cups', '1')).toEqual([2, expect.stringContaining('Known: products')]);
      const [, json] = await run('products', productId, '--json', '--tenant', person.tenantId);
      expect(JSON.parse(json)).toMatchObject({ readModel: 'products', key: { productId } });
    }, 60_000);
  });
}
