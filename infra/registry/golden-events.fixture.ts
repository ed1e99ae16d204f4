import { randomUUID } from 'node:crypto';
import type { RecordedEvent } from '@daybook/kernel/event.ts';
import { contractFor } from '@daybook/schemas/contracts.ts';
import { goldenTypes } from '@daybook/test/golden/golden.ts';

/** Every golden case of every version of every type of event, as if it had been recorded. */
export function goldenEvents(): readonly RecordedEvent[] {
  return goldenTypes()
    .filter(({ type }) => contractFor(type).kind === 'event')
    .flatMap(({ type, version, cases }) => cases.map(({ data }) => recorded(type, version, data)));
}

function recorded(type: string, version: number, data: unknown): RecordedEvent {
  return {
    id: randomUUID(),
    type,
    data: data as RecordedEvent['data'],
    metadata: {
      schemaVersion: version,
      tenantId: 't',
      actor: { kind: 'system', id: 'spec' },
      commandId: randomUUID(),
      correlationId: randomUUID(),
    },
    stream: 'spec-1',
    revision: 0,
    position: '00000000000000000001' as RecordedEvent['position'],
    recordedAt: '2026-11-21T06:00:00.000Z',
  };
}
