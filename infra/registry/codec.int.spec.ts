import { expect, test } from '@jest/globals';

import type { RecordedEvent } from '@daybook/kernel/event.ts';
import { goldenTypes } from '@daybook/test/golden/golden.ts';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { contractFor, upcast } from '@daybook/schemas/contracts.ts';

import { makeMessageCodec } from './codec.ts';
import { postgresSchemaRegistry } from './postgres.ts';

test('processes that share a database understand each other, whatever versions they write', async () => {
  const { database, drop } = await freshDatabase();
  const [writer, rival, reader] = [0, 1, 2].map(() =>
    makeMessageCodec({ registry: postgresSchemaRegistry(database) }),
  );
  if (writer === undefined || rival === undefined || reader === undefined) throw new Error('Three codecs.');
  const events = goldenTypes()
    .filter(({ type }) => contractFor(type).kind === 'event')
    .flatMap(({ type, version, cases }) => cases.map(({ data }) => recorded(type, version, data)));
  const [first, second] = await Promise.all([
    writer.encodeEvents(events),
    rival.encodeEvents([...events].reverse()),
  ]);
  expect([...second].reverse()).toEqual(first);
  for (const [index, message] of first.entries()) {
    const event = events[index];
    if (event === undefined) throw new Error('A message stands for an event.');
    const back = await reader.decode(message);
    expect(back.data).toEqual(upcast(event.type, event.metadata.schemaVersion, event.data));
  }
  await drop();
});

function recorded(type: string, version: number, data: unknown): RecordedEvent {
  return {
    id: `${type} ${String(version)}`,
    type,
    data: data as RecordedEvent['data'],
    metadata: {
      schemaVersion: version,
      tenantId: 't',
      actor: { kind: 'system', id: 'spec' },
      commandId: 'c',
      correlationId: 'c',
    },
    stream: 'spec-1',
    revision: 0,
    position: '00000000000000000001' as RecordedEvent['position'],
    recordedAt: '2026-11-21T06:00:00.000Z',
  };
}
