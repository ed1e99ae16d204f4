import { describe, expect, test } from '@jest/globals';

import { streamCategory } from '@daybook/kernel/event.ts';
import { contractFor, contracts, decode, encode, upcast, validate } from '@daybook/schemas/contracts.ts';

import { goldenStreams, goldenTypes } from './golden.ts';

const types = goldenTypes();
const cases = types.flatMap(({ type, version, cases: all }) =>
  all.map((one) => ({ ...one, label: `${type} version ${String(version)}: ${one.name}`, type, version })),
);

describe('golden records', () => {
  test('there are some for each version of each contract', () => {
    const wanted = [...contracts.values()].flatMap(({ name, capability, versions }) =>
      versions.map(({ version }) => `${capability} ${name} ${String(version)}`),
    );
    const present = types
      .filter(({ cases: all }) => all.length > 0)
      .map(({ capability, type, version }) => `${capability} ${type} ${String(version)}`);
    expect(present.sort()).toEqual(wanted.sort());
  });

  test.each(cases)('$label: old bytes decode to what was recorded', ({ type, version, data, avro }) => {
    expect(avro).toBeDefined();
    expect(decode(type, version, Buffer.from(avro ?? '', 'hex'))).toEqual(data);
  });

  test.each(cases)('$label: the same bytes are written today', ({ type, version, data, avro }) => {
    validate(type, version, data);
    expect(encode(type, version, data).toString('hex')).toBe(avro);
  });

  test.each(cases)('$label: fits the current version once upcast', ({ type, version, data, avro }) => {
    const { currentVersion } = contractFor(type);
    const decoded = decode(type, version, Buffer.from(avro ?? '', 'hex'));
    const current = upcast(type, version, decoded);
    validate(type, currentVersion, current);
    expect(upcast(type, version, data)).toEqual(current);
  });
});

describe('golden streams', () => {
  const streams = goldenStreams();

  test('hold every event of every contract, each version of it', () => {
    const told = new Set(
      streams.flatMap(({ stored }) =>
        stored.map(({ type, schemaVersion }) => `${type} ${String(schemaVersion)}`),
      ),
    );
    const events = [...contracts.values()]
      .filter(({ kind }) => kind === 'event')
      .flatMap(({ name, versions }) => versions.map(({ version }) => `${name} ${String(version)}`));
    expect(events.filter((event) => !told.has(event))).toEqual([]);
  });

  test.each(streams)('$stream: stored data fits its version, and the current one once upcast', (golden) => {
    golden.stored.forEach(({ type, schemaVersion, data }, index) => {
      const contract = contractFor(type);
      expect(contract.stream).toBe(streamCategory(golden.stream));
      validate(type, schemaVersion, data);
      validate(type, contract.currentVersion, golden.events[index]?.data);
    });
  });
});
