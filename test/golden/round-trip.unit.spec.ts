import fc from 'fast-check';

import { describe, expect, test } from '@jest/globals';

import { isDaybookError } from '@daybook/kernel/errors.ts';
import { contracts, decode, encode, upcast, validate } from '@daybook/schemas/contracts.ts';
import { arbitraryData } from '@daybook/test/support/arbitrary-data.ts';

const versions = [...contracts.values()].flatMap((contract) =>
  contract.versions.map(({ version, schema }) => ({
    label: `${contract.name} version ${String(version)}`,
    type: contract.name,
    version,
    currentVersion: contract.currentVersion,
    data: arbitraryData(schema),
  })),
);

const runs = { numRuns: 50 };

describe.each(versions)('$label', ({ type, version, currentVersion, data }) => {
  test('what is encoded decodes to the same, and is the same as its JSON', () => {
    fc.assert(
      fc.property(data, (value) => {
        validate(type, version, value);
        const back = decode(type, version, encode(type, version, value));
        expect(back).toEqual(value);
        expect(JSON.parse(JSON.stringify(back))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      runs,
    );
  });

  test('any data upcasts to data that fits the current version', () => {
    fc.assert(
      fc.property(data, (value) => {
        const before = structuredClone(value);
        validate(type, currentVersion, upcast(type, version, value));
        expect(value).toEqual(before);
      }),
      runs,
    );
  });

  test('a field taken away or added is refused, naming it and no value', () => {
    fc.assert(
      fc.property(data, fc.constantFrom('remove', 'add'), fc.nat(), (value, change, at) => {
        const names = Object.keys(value);
        const name = change === 'add' ? 'unheardOf' : (names[at % names.length] ?? '');
        const kept = Object.fromEntries(Object.entries(value).filter(([field]) => field !== name));
        const error = refusal(() =>
          validate(type, version, change === 'add' ? { ...value, unheardOf: 'planted' } : kept),
        );
        expect(isDaybookError(error, 'schema-incompatible')).toBe(true);
        expect(error).toMatchObject({ fields: { type, version, path: name } });
        expect(JSON.stringify(error) + String(error)).not.toContain('planted');
      }),
      runs,
    );
  });

  test('bytes cut short or with more behind them are refused', () => {
    fc.assert(
      fc.property(data, fc.nat(), (value, at) => {
        const bytes = encode(type, version, value);
        for (const broken of [bytes.subarray(0, at % bytes.length), Buffer.concat([bytes, Buffer.from([0])])])
          expect(isDaybookError(refusal(() => decode(type, version, broken)), 'schema-incompatible')).toBe(true);
      }),
      runs,
    );
  });
});

function refusal(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return null;
}
