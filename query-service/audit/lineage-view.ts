import { z } from 'zod';

const actor = z.strictObject({ kind: z.string(), id: z.string() });

const node = {
  kind: z.enum(['event', 'command', 'message', 'timer', 'effect', 'request', 'cause']),
  name: z.string().nullable().meta({
    description:
      'Type of the event or message, name of the command, timer or effect; null where nobody kept it.',
  }),
  id: z.string().nullable().meta({
    description: 'Place of the event (`product-…@12`), id of the others; null for another tenant’s.',
  }),
  at: z.string().nullable(),
  actor: actor.nullable(),
  state: z
    .enum(['pending', 'rejected', 'dead', 'waiting'])
    .nullable()
    .meta({ description: 'Of effects that are not done, and of timers that are not due.' }),
};

const explainedEvent = z.strictObject({
  position: z.string(),
  id: z.string(),
  type: z.string(),
  stream: z.string(),
  revision: z.int(),
  recordedAt: z.string(),
  actor,
  command: z.strictObject({ id: z.string(), name: z.string().nullable() }),
  request: z.strictObject({ correlationId: z.string(), traceId: z.string().nullable() }),
  changes: z.array(z.strictObject({ column: z.string(), before: z.unknown(), after: z.unknown() })),
  causes: z.array(z.strictObject(node)).meta({ description: 'What led to it, nearest first.' }),
  effects: z
    .array(z.strictObject({ ...node, depth: z.int() }))
    .meta({ description: 'What it led to: a tree; children follow with a depth of one more.' }),
});

/** An explanation as the interface shows it. */
export const explanationView = z.strictObject({
  readModel: z.string(),
  key: z.record(z.string(), z.unknown()),
  column: z.string().nullable(),
  row: z
    .record(z.string(), z.unknown())
    .nullable()
    .meta({ description: 'As the read model shows it, sealed values masked; null where it shows none.' }),
  differs: z.array(z.string()).meta({
    description: 'Columns in which the events say something else: none once the read model is up to date.',
  }),
  lastChanged: z
    .record(z.string(), z.string())
    .meta({ description: 'Position of the event that last changed each column.' }),
  total: z.int().meta({ description: 'Events that touched the row, or changed the column.' }),
  complete: z.boolean().meta({ description: 'False where more events are of its kind than are read.' }),
  events: z.array(explainedEvent).meta({ description: 'Newest first.' }),
});
