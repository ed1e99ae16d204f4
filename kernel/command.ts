import type { Decider, Decision, Rejection } from './decider.ts';
import type { Actor, Event, Step, StreamName } from './event.ts';
import type { Schema } from './schema.ts';

/** What a person, an API key or a service may be within a tenant. */
export type Role = 'owner' | 'admin' | 'manager' | 'user' | 'guest' | 'analyst' | 'auditor';

/**
 * Who may call: some roles, anyone (`public`), or only the platform's own services (`internal`: no route outside).
 */
export type Access = readonly Role[] | 'public' | 'internal';

/** What the runtime hands to a command beside its input. Everything derived from it is the same on a retry. */
export type CommandContext = Readonly<{
  /** From the credential; `public` for public commands. */
  tenantId: string;
  actor: Actor;
  commandId: string;
  correlationId: string;
  causationId?: string;
  steps?: readonly Step[];
  traceparent?: string;
  /** ISO 8601, UTC. */
  now: string;
  /** The n-th id of this command: a uuid, equal for the same command id and n. */
  id: (n: number) => string;
}>;

/** What was decided, for making the answer. `events` are those this command recorded, now or at its first delivery. */
export type Outcome<In, E, S> = Readonly<{
  input: In;
  streamId: string;
  events: readonly E[];
  state: S;
  context: CommandContext;
}>;

/** A command sent by name, as processes and preparations send it. */
export type CommandCall = Readonly<{ command: string; input: Readonly<Record<string, unknown>> }>;

/** A command: one business intention, its place in the HTTP interface, and the decider that answers it. */
export type CommandDefinition<In, C, E extends Event, S, R extends Rejection, Out> = Readonly<{
  /** Imperative, in the business's words: `TrackProduct`. Unique over all capabilities. */
  name: string;
  /** One sentence for the catalogue and the OpenAPI document. */
  summary: string;
  access: Access;
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** `/v1/market/products/{productId}`; absent for `internal` commands. */
  path?: string;
  /** Status of an accepted command. */
  status: 200 | 201 | 202 | 204;
  /** Path parameters and body as one object; unknown fields are refused. */
  input: Schema<In>;
  output: Schema<Out>;
  /** True where the answer holds a secret: it is kept sealed for repeats and never logged. */
  secretAnswer?: boolean;
  /** Status of rejections by code where 409 is not right: `{ 'product-unknown': 404 }`. */
  rejections?: Readonly<Partial<Record<R['code'], 400 | 401 | 403 | 404 | 409 | 410 | 429>>>;
  decider: Decider<C, E, S, R>;
  /** The id part of the stream the command decides on. */
  streamId: (input: In, context: CommandContext) => string;
  /**
   * The tenant it acts in, where that is not the caller's: one made by the command, or `system` for values that are
   * unique over all tenants. A public command without it acts in the tenant of the stream it finds.
   */
  tenantId?: (input: In, context: CommandContext) => string;
  /** May look facts up (a tenant's time zone); the rules stay in the decider. */
  command: (input: In, context: CommandContext) => C | Promise<C>;
  /** Commands that must be accepted first, such as reserving a value that is unique over streams; sent only once
   *  this command itself would be accepted. A refusal of one is this command's refusal. */
  first?: (input: In, state: S, context: CommandContext) => readonly CommandCall[];
  /** A refusal that is itself recorded, such as a failed attempt that counts: told from this command's events. */
  refusal?: (outcome: Outcome<In, E, S>) => R | null;
  answer: (outcome: Outcome<In, E, S>) => Out | Promise<Out>;
}>;

/** One delivery of a command, ready to be decided on any history of its stream. */
export type PreparedCommand = Readonly<{
  stream: StreamName;
  /** Whose fold `initialState` and `evolve` are: a state that is kept serves commands of the same decider only. */
  decider: object;
  /** Absent: that of the stream. */
  tenantId?: string;
  initialState: () => unknown;
  evolve: (state: unknown, event: Event) => unknown;
  decide: (state: unknown) => Decision<Event>;
  first: (state: unknown) => readonly CommandCall[];
  refusal: (state: unknown, events: readonly Event[]) => Rejection | null;
  answer: (state: unknown, events: readonly Event[]) => unknown;
}>;

/** A command definition with its type parameters closed over, so that hosts can hold a list of them. */
export type Command = Readonly<
  Pick<
    CommandDefinition<never, never, Event, never, Rejection, unknown>,
    'name' | 'summary' | 'access' | 'method' | 'path' | 'status' | 'secretAnswer'
  > & {
    category: string;
    input: Schema<unknown>;
    output: Schema<unknown>;
    rejections: Readonly<Record<string, number>>;
    /** `input` has passed the input schema. */
    prepare: (input: unknown, context: CommandContext) => Promise<PreparedCommand>;
  }
>;

/** Closes a definition over its types. The casts are sound: every function comes from the same definition. */
export function defineCommand<In, const C, E extends Event, S, R extends Rejection, Out>(
  definition: CommandDefinition<In, C, E, S, R, Out>,
): Command {
  const { decider } = definition;
  return {
    name: definition.name,
    summary: definition.summary,
    access: definition.access,
    method: definition.method,
    ...(definition.path === undefined ? {} : { path: definition.path }),
    status: definition.status,
    secretAnswer: definition.secretAnswer ?? false,
    category: decider.category,
    input: definition.input,
    output: definition.output,
    rejections: (definition.rejections ?? {}) as Record<string, number>,
    prepare: async (rawInput, context) => {
      const input = rawInput as In;
      const streamId = definition.streamId(input, context);
      const tenantId =
        definition.tenantId?.(input, context) ??
        (definition.access === 'public' ? undefined : context.tenantId);
      const own = tenantId === undefined ? context : { ...context, tenantId };
      const command = await definition.command(input, own);
      const outcome = (state: unknown, events: readonly Event[]): Outcome<In, E, S> => ({
        input,
        streamId,
        events: events as E[],
        state: state as S,
        context: own,
      });
      return {
        stream: `${decider.category}-${streamId}`,
        decider,
        ...(tenantId === undefined ? {} : { tenantId }),
        initialState: decider.initialState,
        evolve: (state, event) => decider.evolve(state as S, event as E),
        decide: (state) => decider.decide(command, state as S),
        first: (state) => definition.first?.(input, state as S, own) ?? [],
        refusal: (state, events) => definition.refusal?.(outcome(state, events)) ?? null,
        answer: (state, events) => definition.answer(outcome(state, events)),
      };
    },
  };
}
