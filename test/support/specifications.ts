/** Registers given – when – then data as tests, and with it what holds for every decider, projection and process. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fold, type Decider, type Rejection } from '@daybook/kernel/decider.ts';
import type { Event } from '@daybook/kernel/event.ts';
import type { AnyProcess } from '@daybook/kernel/process.ts';
import type { AnyProjection, Row } from '@daybook/kernel/projection.ts';
import {
  canonical,
  checkDecider,
  checkProcess,
  checkProjection,
  recorded,
  type DeciderSpec,
  type ProcessSpec,
  type ProjectionSpec,
} from '@daybook/kernel/specification.ts';

/**
 * The specs of a decider; that `evolve` takes the events of all of them in any order; and that an accepted command,
 * sent once more, records nothing further.
 * @param options.counts names of specs whose command is recorded each time, such as a failed attempt
 */
export function deciderSpecs<C, E extends Event, S, R extends Rejection>(
  decider: Decider<C, E, S, R>,
  specs: readonly DeciderSpec<C, E, R>[],
  options: { counts?: readonly string[] } = {},
): void {
  describe(decider.category, () => {
    test.each(specs)('$name', (spec) => {
      expect(checkDecider(decider, spec)).toBeNull();
    });

    const repeatable = specs.filter(({ name }) => options.counts?.includes(name) !== true);
    test.each(repeatable)('sent once more adds nothing: $name', (spec) => {
      const first = decider.decide(spec.when, fold(decider, spec.given));
      if (!first.ok) return;
      const again = decider.decide(spec.when, fold(decider, [...spec.given, ...first.events]));
      expect(again.ok ? again.events : []).toEqual([]);
    });

    test('evolve accepts any order of events', () => {
      const events = specs.flatMap(({ given, then }) => [
        ...given,
        ...(Array.isArray(then) ? (then as E[]) : []),
      ]);
      fc.assert(
        fc.property(fc.array(fc.constantFrom(...events)), (history) => {
          expect(fold(decider, history)).toBeDefined();
        }),
      );
    });
  });
}

/** The specs of a projection; and that its fold takes their events in any order, the same way each time. */
export function projectionSpecs(projection: AnyProjection, specs: readonly ProjectionSpec[]): void {
  describe(projection.name, () => {
    test.each(specs)('$name', (spec) => {
      expect(checkProjection(projection, spec)).toBeNull();
    });

    test('the fold accepts any order of events, fills every column and changes no row it was given', () => {
      const given = specs.flatMap((spec) => spec.given);
      fc.assert(
        fc.property(fc.array(fc.constantFrom(...given)), (history) => {
          const rows = foldRows(projection, history);
          expect(canonical([...foldRows(projection, history)])).toBe(canonical([...rows]));
          const columns = Object.keys(projection.table.columns).sort();
          for (const row of rows.values()) expect(Object.keys(row).sort()).toEqual(columns);
        }),
      );
    });
  });
}

function foldRows(projection: AnyProjection, history: ProjectionSpec['given']): ReadonlyMap<string, Row> {
  const rows = new Map<string, Row>();
  for (const event of recorded(history)) {
    if (!projection.handles.has(event.type)) continue;
    for (const key of projection.keys(event)) {
      const id = canonical(projection.table.key.map((column) => key[column]));
      const row = projection.evolve(frozen(rows.get(id) ?? null), event, key);
      if (row === null) rows.delete(id);
      else rows.set(id, row);
    }
  }
  return rows;
}

/** The specs of a process; and that it takes their inputs in any order. */
export function processSpecs(process: AnyProcess, specs: readonly ProcessSpec[]): void {
  describe(process.name, () => {
    test.each(specs)('$name', (spec) => {
      expect(checkProcess(process, spec)).toBeNull();
    });

    test('accepts any order of inputs', () => {
      const inputs = specs.flatMap(({ given, when }) => [...given, when]);
      fc.assert(
        fc.property(fc.array(fc.constantFrom(...inputs)), fc.constantFrom(...inputs), (given, when) => {
          expect(checkProcess(process, { name: '', given, when, then: [] })).not.toBe(undefined);
        }),
      );
    });
  });
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(frozen);
    Object.freeze(value);
  }
  return value;
}
