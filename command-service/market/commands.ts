import { z } from 'zod';
import { isPublicAddress, literalAddress } from '@daybook/infra/outbound/address-guard.ts';
import { namedId } from '@daybook/infra/runtime/derived-ids.ts';
import { scheduleProblem } from '@daybook/infra/runtime/schedule-problem.ts';
import { defineCommand, type Command, type Role } from '@daybook/kernel/command.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Schedule } from '@daybook/schemas/types/types.generated.ts';
import type { CommandPorts } from '../command-ports.ts';
import { isEnabled, marketSource, marketSourceId, type MarketSourceEvent } from './market-source.ts';
import { productUrl, type ProductUrl } from './product-url.ts';
import { product } from './product.ts';
import { recordingCommands } from './recording-commands.ts';

const editors: readonly Role[] = ['owner', 'admin', 'manager', 'user'];
const admins: readonly Role[] = ['owner', 'admin'];

const dailyAtSix = '0 6 * * *';

const source = z.enum(['amazon', 'ebay', 'shopify', 'page']);
const label = z.string().trim().min(1).max(100);
const productId = z.uuid().meta({ description: 'The product.' });
const productOnly = z.strictObject({ productId });
const empty = z.strictObject({});
const tags = z
  .array(label)
  .max(20)
  .transform((all) => [...new Set(all)]);

const schedule = z
  .strictObject({
    cron: z.string().max(100).meta({ description: 'Minute, hour, day of month, month, day of week.' }),
    timeZone: z.string().max(100).meta({ description: 'IANA name, such as Europe/Berlin.' }),
  })
  .superRefine((value, context) => {
    const found = scheduleProblem(value);
    if (found !== null) context.addIssue({ code: 'custom', path: [found.field], message: found.problem });
  });

/** The commands of market. */
export function marketCommands(ports: CommandPorts): readonly Command[] {
  return [trackProduct(ports), changeProduct, ...lifeCycle, checkProduct, switchSource, ...recordingCommands];
}

function trackProduct({ eventStore, allowsPrivateHost }: CommandPorts): Command {
  return defineCommand({
    name: 'TrackProduct',
    summary: 'Begins to follow the price on a product page; the first check comes at once.',
    access: editors,
    method: 'POST',
    path: '/v1/market/products',
    status: 201,
    input: z
      .strictObject({
        url: z.string().trim().max(2_000).meta({ description: 'The product page; http or https.' }),
        name: label.nullish(),
        tags: tags.default([]),
        group: label.nullish().meta({ description: 'Compares one product over several shops.' }),
        source: source.optional().meta({ description: 'The kind of shop. Default: told by the host.' }),
        schedule: schedule
          .optional()
          .meta({ description: 'Default: daily at 06:00 in the tenant’s time zone.' }),
      })
      .superRefine((input, context) => {
        const page = productUrl(input.url, input.source);
        const message = 'problem' in page ? page.problem : hostProblem(page, allowsPrivateHost);
        if (message !== null) context.addIssue({ code: 'custom', path: ['url'], message });
      }),
    output: productOnly,
    decider: product,
    streamId: (input, { tenantId }) => productIdOf(tenantId, pageOf(input)),
    command: async (input, { tenantId }) => {
      const page = pageOf(input);
      return {
        type: 'TrackProduct',
        data: {
          productId: productIdOf(tenantId, page),
          ...page,
          name: input.name ?? null,
          tags: input.tags,
          group: input.group ?? null,
          schedule: input.schedule ?? (await defaultSchedule(eventStore, tenantId)),
        },
        sourceEnabled: await sourceIsEnabled(eventStore, tenantId, page.source),
      };
    },
    answer: ({ streamId }) => ({ productId: streamId }),
  });
}

const changeProduct = defineCommand({
  name: 'ChangeProduct',
  summary: 'Changes name, tags, group or schedule of a product; what is not given stays.',
  access: editors,
  method: 'PATCH',
  path: '/v1/market/products/{productId}',
  status: 200,
  input: z.strictObject({
    productId,
    name: label.nullable().optional(),
    tags: tags.optional(),
    group: label.nullable().optional(),
    schedule: schedule.optional(),
  }),
  output: productOnly,
  rejections: { 'product-unknown': 404 },
  decider: product,
  streamId: (input) => input.productId,
  command: ({ productId: _, ...changes }) => ({ type: 'ChangeProduct', changes }),
  answer: ({ streamId }) => ({ productId: streamId }),
});

const lifeCycle: readonly Command[] = [
  defineCommand({
    name: 'PauseProduct',
    summary: 'Suspends the scheduled checks of a product.',
    access: editors,
    method: 'POST',
    path: '/v1/market/products/{productId}/pause',
    status: 200,
    input: productOnly,
    output: productOnly,
    rejections: { 'product-unknown': 404 },
    decider: product,
    streamId: (input) => input.productId,
    command: () => ({ type: 'PauseProduct' }),
    answer: ({ streamId }) => ({ productId: streamId }),
  }),
  defineCommand({
    name: 'ResumeProduct',
    summary: 'Goes on with the scheduled checks of a paused product.',
    access: editors,
    method: 'POST',
    path: '/v1/market/products/{productId}/resume',
    status: 200,
    input: productOnly,
    output: productOnly,
    rejections: { 'product-unknown': 404 },
    decider: product,
    streamId: (input) => input.productId,
    command: () => ({ type: 'ResumeProduct' }),
    answer: ({ streamId }) => ({ productId: streamId }),
  }),
  defineCommand({
    name: 'StopProduct',
    summary: 'Ends the tracking of a product; its history stays.',
    access: editors,
    method: 'DELETE',
    path: '/v1/market/products/{productId}',
    status: 204,
    input: productOnly,
    output: empty,
    rejections: { 'product-unknown': 404 },
    decider: product,
    streamId: (input) => input.productId,
    command: () => ({ type: 'StopProduct' }),
    answer: () => ({}),
  }),
];

const checkProduct = defineCommand({
  name: 'CheckProduct',
  summary: 'Asks for a check of a product page at once.',
  access: editors,
  method: 'POST',
  path: '/v1/market/products/{productId}/check',
  status: 202,
  input: productOnly,
  output: z.strictObject({ productId, requestId: z.uuid() }),
  rejections: { 'product-unknown': 404 },
  decider: product,
  streamId: (input) => input.productId,
  command: (_input, context) => ({ type: 'CheckProduct', requestId: context.id(0) }),
  answer: ({ streamId, context }) => ({ productId: streamId, requestId: context.id(0) }),
});

const switchSource = defineCommand({
  name: 'SwitchSource',
  summary: 'Turns a kind of shop on or off for new products of the tenant; Amazon and eBay are off at first.',
  access: admins,
  method: 'PUT',
  path: '/v1/market/sources/{source}',
  status: 200,
  input: z.strictObject({ source, enabled: z.boolean() }),
  output: z.strictObject({ source, enabled: z.boolean() }),
  decider: marketSource,
  streamId: (input, { tenantId }) => marketSourceId(tenantId, input.source),
  command: (input) => ({ type: 'SwitchSource', ...input }),
  answer: ({ input }) => input,
});

type PageInput = Readonly<{ url: string; source?: z.output<typeof source> | undefined }>;

/** The page of an input that its schema let through. */
function pageOf(input: PageInput): ProductUrl {
  const page = productUrl(input.url, input.source);
  if ('problem' in page) throw new TypeError(`The URL ${page.problem}.`);
  return page;
}

function productIdOf(tenantId: string, { url }: ProductUrl): string {
  return namedId(tenantId, 'product', url);
}

/** Says early what every fetch would refuse anyway: hosts that spell out an inside address. */
function hostProblem(page: ProductUrl, allows: CommandPorts['allowsPrivateHost']): string | null {
  const { hostname, port, protocol } = new URL(page.url);
  const literal = literalAddress(hostname);
  const inside =
    literal === null ? /(?:^|\.)(?:localhost|local|internal)$/.test(hostname) : !isPublicAddress(literal);
  const portNumber = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
  return inside && !allows(hostname, portNumber) ? 'points to a private or local address' : null;
}

async function defaultSchedule(eventStore: Pick<EventStore, 'read'>, tenantId: string): Promise<Schedule> {
  for await (const [event] of eventStore.read(`tenant-${tenantId}`, { limit: 1 })) {
    if (event?.type === 'TenantProvisioned') {
      return { cron: dailyAtSix, timeZone: (event.data as { timeZone: string }).timeZone };
    }
  }
  return { cron: dailyAtSix, timeZone: 'UTC' };
}

async function sourceIsEnabled(
  eventStore: Pick<EventStore, 'read'>,
  tenantId: string,
  kind: ProductUrl['source'],
): Promise<boolean> {
  let state = marketSource.initialState();
  for await (const page of eventStore.read(`marketSource-${marketSourceId(tenantId, kind)}`)) {
    for (const event of page) state = marketSource.evolve(state, event as unknown as MarketSourceEvent);
  }
  return isEnabled(kind, state);
}
