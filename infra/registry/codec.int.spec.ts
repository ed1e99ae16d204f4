import { expect, test } from '@jest/globals';
import { freshDatabase } from '@daybook/test/support/postgres.ts';
import { upcast } from '@daybook/schemas/contracts.ts';

import { makeMessageCodec } from './codec.ts';
import { goldenEvents } from './golden-events.fixture.ts';
import { postgresSchemaRegistry } from './postgres.ts';

test('processes that share a database understand each other, whatever versions they write', async () => {
  const { database, drop } = await freshDatabase();
  const [writer, rival, reader] = [0, 1, 2].map(() =>
    makeMessageCodec({ registry: postgresSchemaRegistry(database) }),
  );
  if (writer === undefined || rival === undefined || reader === undefined) throw new Error('Three codecs.');
  const events = goldenEvents();
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
