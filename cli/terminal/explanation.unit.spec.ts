import { expect, test } from '@jest/globals';
import type { ExplainedEvent, Explanation, LineageNode } from '@daybook/infra/lineage/explanation.ts';
import type { Position } from '@daybook/kernel/event.ts';
import { explanationLines } from './explanation.ts';

const at = '2026-11-21T06:00:03.123Z';
const node: LineageNode = { kind: 'command', name: null, id: null, at, actor: null, state: null };
const user = { kind: 'user', id: 'ada' } as const;

const observed: ExplainedEvent = {
  position: '00000000000000000009' as Position,
  id: 'e-1',
  type: 'PriceObserved',
  stream: 'product-p',
  revision: 3,
  recordedAt: at,
  actor: { kind: 'process', id: 'priceRecording' },
  command: { id: 'c-2', name: 'RecordPriceObservation' },
  request: { correlationId: 'r-1', traceId: null },
  changes: [
    { column: 'amountMinor', before: 4_990, after: 4_790 },
    { column: 'title', before: null, after: 'T'.repeat(200) },
  ],
  causes: [
    { ...node, name: 'RecordPriceObservation', id: 'c-2', actor: { kind: 'process', id: 'priceRecording' } },
    { ...node, kind: 'event', name: 'SignupVerified', at: null },
    { ...node, kind: 'request', id: 'r-1', actor: user },
  ],
  effects: [
    { ...node, kind: 'message', name: 'Alarm', id: 'm-1', depth: 0 },
    { ...node, name: 'Ring', id: 'c-3', depth: 1 },
    { ...node, kind: 'event', name: 'Rang', id: 'bell-1@0', depth: 2 },
    { ...node, kind: 'effect', name: 'call', id: 'f-1', state: 'dead', depth: 1 },
    { ...node, kind: 'timer', name: 'check', id: 't-1', state: 'waiting', depth: 0 },
  ],
};

const explanation: Explanation = {
  readModel: 'products',
  key: { productId: 'p' },
  column: 'amountMinor',
  row: { productId: 'p', amountMinor: 4_790 },
  differs: [],
  lastChanged: { amountMinor: observed.position, productId: '00000000000000000001' as Position },
  total: 3,
  complete: true,
  events: [observed],
};

const plain = { bold: String, dim: String };

test('a column is told with its value, its events, and a tree of what led to each and what followed', () => {
  expect(explanationLines(explanation, 'shop', plain).join('\n')).toBe(
    `
products p of shop
  amountMinor  4790  PriceObserved, 2026-11-21 06:00:03.123
  3 events changed amountMinor; the newest 1.

2026-11-21 06:00:03.123  PriceObserved  product-p@3 position 00000000000000000009
│ amountMinor: 4990 → 4790
├─ because of
│  ├─ 2026-11-21 06:00:03.123  command RecordPriceObservation c-2, by process priceRecording
│  ├─ event SignupVerified of another tenant
│  └─ 2026-11-21 06:00:03.123  request r-1, by user ada
└─ led to
   ├─ 2026-11-21 06:00:03.123  message Alarm m-1
   │  ├─ 2026-11-21 06:00:03.123  command Ring c-3
   │  │  └─ 2026-11-21 06:00:03.123  event Rang bell-1@0
   │  └─ 2026-11-21 06:00:03.123  effect call (dead) f-1
   └─ 2026-11-21 06:00:03.123  timer check (waiting) t-1`.slice(1),
  );
});

test('a whole row is told column by column; long values are cut, what is odd is said', () => {
  const lines = explanationLines(
    {
      ...explanation,
      column: null,
      total: 1,
      differs: ['title'],
      complete: false,
      events: [{ ...observed, effects: [] }],
    },
    'shop',
    plain,
  );
  expect(lines).toContain('  productId    "p"  at 00000000000000000001');
  expect(lines).toContain('  The events say something else of: title.');
  expect(lines.join('\n')).toContain('may not be all');
  expect(lines).toContain('  One event touched the row.');
  expect(lines).toContain('└─ because of');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(130);
});

test('a row that is gone is said to be so', () => {
  expect(explanationLines({ ...explanation, row: null }, 'shop', plain)).toContain(
    '  The read model shows no such row.',
  );
});
