import { z } from 'zod';
import { defineCommand, type Command } from '@daybook/kernel/command.ts';
import { largestLong } from '@daybook/schemas/exact-long.ts';
import { product } from './product.ts';

const done = z.strictObject({});
const text = z.string();

const observation = {
  productId: text,
  observationId: text,
  requestId: text,
  observedAt: z.iso.datetime(),
};

/** Commands that record what checks came to; sent by a process for each observation. */
export const recordingCommands: readonly Command[] = [
  defineCommand({
    name: 'RecordPriceObservation',
    summary: 'Records the price that a check found; each observation once.',
    access: 'internal',
    method: 'POST',
    status: 204,
    input: z.strictObject({
      ...observation,
      price: z.strictObject({
        amountMinor: z.int().min(0).max(largestLong),
        currency: z.string().regex(/^[A-Z]{3}$/),
      }),
      availability: z.enum([
        'inStock',
        'outOfStock',
        'preOrder',
        'backOrder',
        'limited',
        'discontinued',
        'unknown',
      ]),
      seller: text.nullable(),
      title: text.nullable(),
      method: z.enum(['jsonLd', 'microdata', 'rdfa', 'meta', 'selector', 'productJson']),
      extractorVersion: z.int().min(0),
      snapshotHash: text,
    }),
    output: done,
    decider: product,
    streamId: (input) => input.productId,
    command: (data) => ({ type: 'RecordPriceObservation', data }),
    answer: () => ({}),
  }),
  defineCommand({
    name: 'RecordCheckFailure',
    summary: 'Records why a check found no price; each observation once.',
    access: 'internal',
    method: 'POST',
    status: 204,
    input: z.strictObject({
      ...observation,
      outcome: z.enum([
        'blocked',
        'captcha',
        'missing',
        'changed',
        'noPrice',
        'robotsDisallowed',
        'unreachable',
        'slow',
        'tooLarge',
        'redirectLoop',
        'forbiddenAddress',
        'needsBrowser',
        'notContent',
      ]),
      detail: text,
      status: z.int().nullable(),
      snapshotHash: text.nullable(),
      // Asked for by processes of the version before, it is absent.
      extractorVersion: z.int().min(0).default(0),
    }),
    output: done,
    decider: product,
    streamId: (input) => input.productId,
    command: (data) => ({ type: 'RecordCheckFailure', data }),
    answer: () => ({}),
  }),
];
