import { z } from 'zod';
import { defineCommand, type Command } from '@daybook/kernel/command.ts';
import { plan } from './plan.ts';

/** The commands of ops. */
export function opsCommands(): readonly Command[] {
  return [
    defineCommand({
      name: 'CreatePlan',
      summary: 'Makes a plan with its first tasks.',
      access: 'internal',
      method: 'POST',
      status: 201,
      input: z.strictObject({
        title: z.string().trim().min(1).max(200),
        tasks: z.array(z.string().trim().min(1).max(200)).max(100),
      }),
      output: z.strictObject({ planId: z.string() }),
      decider: plan,
      streamId: (_input, context) => context.id(0),
      command: ({ title, tasks }, context) => ({
        type: 'CreatePlan',
        data: {
          planId: context.id(0),
          title,
          tasks: tasks.map((task, index) => ({ taskId: context.id(index + 1), title: task })),
        },
      }),
      answer: ({ streamId }) => ({ planId: streamId }),
    }),
  ];
}
