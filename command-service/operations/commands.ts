import { z } from 'zod';
import type { Parked } from '@daybook/infra/parking/parked.ts';
import { defineCommand, type Command, type CommandContext } from '@daybook/kernel/command.ts';
import { isPlain } from '@daybook/kernel/plain-text.ts';
import { parked, type Found } from './parked.ts';

/** What the commands of operations need beside their input. */
export type OperationsPorts = Readonly<{
  parked: Readonly<{
    /** One of what is parked, whosever it is. */
    find(parkedId: string): Promise<Parked | undefined>;
  }>;
}>;

const parkedId = z
  .string()
  .regex(/^[\w-]{1,100}$/, 'Is the id of nothing parked.')
  .meta({ description: 'As the list of what is parked names it.' });

const answer = z.strictObject({ parkedId: z.string(), status: z.enum(['retrying', 'skipped']) });

/** The commands of operations. */
export function operationsCommands({ parked: list }: OperationsPorts): readonly Command[] {
  /** Of the caller's tenant alone: another's is the same as none. */
  async function find(id: string, { tenantId }: CommandContext): Promise<Found | null> {
    const found = await list.find(id);
    return found?.tenantId === tenantId ? foundOf(found) : null;
  }

  return [
    defineCommand({
      name: 'RetryParked',
      summary: 'Has something parked handled anew, and behind it in order all that waits.',
      access: ['owner', 'admin'],
      method: 'POST',
      path: '/v1/operations/parked/{parkedId}/retry',
      status: 202,
      input: z.strictObject({ parkedId }),
      output: answer,
      decider: parked,
      streamId: (input) => input.parkedId,
      command: async (input, context) => ({
        type: 'RetryParked',
        data: { ...input, found: await find(input.parkedId, context) },
      }),
      answer: ({ input }) => ({ parkedId: input.parkedId, status: 'retrying' }),
    }),
    defineCommand({
      name: 'SkipParked',
      summary: 'Gives something parked up for good, with a reason; what waits behind it goes on.',
      access: ['owner', 'admin'],
      method: 'POST',
      path: '/v1/operations/parked/{parkedId}/skip',
      status: 202,
      input: z.strictObject({
        parkedId,
        reason: z
          .string()
          .trim()
          .min(1)
          .max(500)
          .refine(isPlain, 'Has to be one line without control characters.')
          .meta({ description: 'Why; recorded for good, so without personal data.' }),
      }),
      output: answer,
      decider: parked,
      streamId: (input) => input.parkedId,
      command: async ({ reason, ...input }, context) => ({
        type: 'SkipParked',
        data: { ...input, reason, found: await find(input.parkedId, context) },
      }),
      answer: ({ input }) => ({ parkedId: input.parkedId, status: 'skipped' }),
    }),
  ];
}

function foundOf(found: Parked): Found {
  const { kind, consumer, about, eventId, stream, revision, reason, attempts, failedAt } = found;
  return {
    what: {
      parkedId: found.parkedId,
      kind,
      consumer,
      about,
      eventId,
      stream,
      revision,
      cause: reason,
      attempts,
      failedAt,
    },
    handedBack: found.status === 'retrying',
  };
}
