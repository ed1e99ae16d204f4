import { describe, expect, test } from '@jest/globals';
import { emailAddress } from '@daybook/command-service/identity/email-address.ts';
import { signup } from '@daybook/command-service/identity/signup.ts';
import { tenant } from '@daybook/command-service/identity/tenant.ts';
import { user } from '@daybook/command-service/identity/user.ts';
import { workspace } from '@daybook/command-service/identity/workspace.ts';
import { marketSource } from '@daybook/command-service/market/market-source.ts';
import { product } from '@daybook/command-service/market/product.ts';
import { parked } from '@daybook/command-service/operations/parked.ts';
import { plan } from '@daybook/command-service/ops/plan.ts';
import { fold, type Decider } from '@daybook/kernel/decider.ts';
import { streamCategory, type Event } from '@daybook/kernel/event.ts';
import { canonical, recorded } from '@daybook/kernel/specification.ts';
import { allProjections } from '@daybook/projectors/capabilities.ts';
import { allProcesses } from '@daybook/sagas/capabilities.ts';
import { goldenStreams } from './golden.ts';

const deciders = [emailAddress, signup, tenant, user, workspace, marketSource, product, plan, parked] as unknown as readonly Decider<
  never,
  Event,
  unknown
>[];

const recordedStreams = goldenStreams().map(({ stream, events }) => ({
  stream,
  events: recorded(events.map((event) => ({ ...event, data: event.data as object, stream }))),
}));

describe('what was recorded in the past', () => {
  test.each(recordedStreams)('$stream folds under its decider', ({ stream, events }) => {
    const decider = deciders.find(({ category }) => category === streamCategory(stream));
    expect(decider).toBeDefined();
    if (decider === undefined) return;
    const state = fold(decider, events);
    expect(canonical(state)).not.toBe(canonical(decider.initialState()));
  });

  test.each(allProjections)('folds under the projection $name: every column filled', (projection) => {
    const columns = Object.keys(projection.table.columns).sort();
    let rows = 0;
    for (const { events } of recordedStreams) {
      let row = null as ReturnType<typeof projection.evolve>;
      for (const event of events.filter(({ type }) => projection.handles.has(type))) {
        for (const key of projection.keys(event)) row = projection.evolve(row, event, key);
      }
      if (row === null) continue;
      rows += 1;
      expect(Object.keys(row).sort()).toEqual(columns);
      expect(Object.values(row)).not.toContain(undefined);
    }
    expect(rows).toBeGreaterThan(0);
  });

  test.each(allProcesses)('is taken in by the process $name', (process) => {
    for (const { events } of recordedStreams) {
      let state = process.initialState();
      for (const event of events.filter(({ type }) => process.handles.has(type))) {
        expect(process.route(event)).toHaveProperty('to');
        state = process.evolve(state, event);
        expect(Array.isArray(process.react(event, state))).toBe(true);
      }
    }
  });
});
