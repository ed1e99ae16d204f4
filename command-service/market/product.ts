import { accept, reject, type Decider, type Decision, type Rejection } from '@daybook/kernel/decider.ts';
import { canonical } from '@daybook/kernel/specification.ts';
import type {
  CheckFailed,
  MarketEvent,
  PriceObserved,
  ProductTracked,
} from '@daybook/schemas/market/events.generated.ts';
import type { Schedule } from '@daybook/schemas/types/types.generated.ts';

export type ProductEvent = Exclude<MarketEvent, { type: 'SourceEnabled' | 'SourceDisabled' }>;

export type ProductCommand =
  /** `sourceEnabled`: the tenant lets this kind of shop be read. */
  | Readonly<{ type: 'TrackProduct'; data: ProductTracked; sourceEnabled: boolean }>
  | Readonly<{ type: 'ChangeProduct'; changes: ProductChanges }>
  | Readonly<{ type: 'PauseProduct' }>
  | Readonly<{ type: 'ResumeProduct' }>
  | Readonly<{ type: 'StopProduct' }>
  | Readonly<{ type: 'CheckProduct'; requestId: string }>
  | Readonly<{ type: 'RecordPriceObservation'; data: PriceObserved }>
  | Readonly<{ type: 'RecordCheckFailure'; data: CheckFailed }>;

/** What may be changed of a tracked product; what is undefined stays. */
export type ProductChanges = Readonly<{
  name?: string | null | undefined;
  tags?: readonly string[] | undefined;
  group?: string | null | undefined;
  schedule?: Schedule | undefined;
}>;

export type ProductState =
  | Readonly<{ status: 'untracked' }>
  | Readonly<{
      status: 'active' | 'paused' | 'stopped';
      productId: string;
      name: string | null;
      tags: readonly string[];
      group: string | null;
      schedule: Schedule;
      /** The last requests and observations that were recorded, newest last. */
      recent: readonly string[];
    }>;

export type ProductRejection = Rejection<
  'product-unknown' | 'product-stopped' | 'already-tracked' | 'source-off'
>;

/** Repeats come within the retention of a topic; a product is not checked more often than this in between. */
const remembered = 200;

const unknown: ProductRejection = { code: 'product-unknown', detail: 'There is no such product.' };
const stopped: ProductRejection = {
  code: 'product-stopped',
  detail: 'The product is no longer tracked; track its URL again to go on.',
};

/** A product page whose price a tenant follows. */
export const product: Decider<ProductCommand, ProductEvent, ProductState, ProductRejection> = {
  category: 'product',
  initialState: () => ({ status: 'untracked' }),

  evolve: (state, event) => {
    if (event.type === 'ProductTracked') {
      const { productId, name, tags, group, schedule } = event.data;
      const recent = state.status === 'untracked' ? [] : state.recent;
      return { status: 'active', productId, name, tags, group, schedule, recent };
    }
    if (state.status === 'untracked') return state;
    switch (event.type) {
      case 'ProductRenamed':
        return { ...state, name: event.data.name };
      case 'ProductTagged':
        return { ...state, tags: event.data.tags };
      case 'ProductGrouped':
        return { ...state, group: event.data.group };
      case 'CheckScheduleChanged':
        return { ...state, schedule: event.data.schedule };
      case 'ProductPaused':
      case 'ProductResumed':
      case 'ProductStopped':
        return { ...state, status: statusAfter[event.type] };
      case 'CheckRequested':
        return { ...state, recent: remember(state.recent, event.data.requestId) };
      case 'PriceObserved':
      case 'CheckFailed':
        return { ...state, recent: remember(state.recent, event.data.observationId) };
    }
  },

  decide: (command, state) => {
    switch (command.type) {
      case 'TrackProduct':
        return track(command, state);
      case 'RecordPriceObservation':
      case 'RecordCheckFailure':
        return state.status === 'untracked' ? reject(unknown) : record(command, state);
      case 'StopProduct':
        if (state.status === 'untracked') return reject(unknown);
        return accept(...(state.status === 'stopped' ? [] : [happened('ProductStopped', state)]));
      case 'ChangeProduct':
      case 'PauseProduct':
      case 'ResumeProduct':
      case 'CheckProduct':
        if (state.status === 'untracked') return reject(unknown);
        return state.status === 'stopped' ? reject(stopped) : accept(...steered(command, state));
    }
  },
};

const statusAfter = { ProductPaused: 'paused', ProductResumed: 'active', ProductStopped: 'stopped' } as const;

type Known = Exclude<ProductState, { status: 'untracked' }>;
type CommandOf<T extends ProductCommand['type']> = Extract<ProductCommand, { type: T }>;

function track(
  { data, sourceEnabled }: CommandOf<'TrackProduct'>,
  state: ProductState,
): Decision<ProductEvent, ProductRejection> {
  if (state.status === 'active' || state.status === 'paused') return reject(tracked(state.productId));
  return sourceEnabled ? accept({ type: 'ProductTracked', data }) : reject(sourceOff(data.source));
}

/** What was observed is recorded whatever became of the product since; a repeat is not. */
function record(
  command: CommandOf<'RecordPriceObservation' | 'RecordCheckFailure'>,
  { recent }: Known,
): Decision<ProductEvent, ProductRejection> {
  if (recent.includes(command.data.observationId)) return accept();
  return command.type === 'RecordPriceObservation'
    ? accept({ type: 'PriceObserved', data: command.data })
    : accept({ type: 'CheckFailed', data: command.data });
}

function steered(
  command: CommandOf<'ChangeProduct' | 'PauseProduct' | 'ResumeProduct' | 'CheckProduct'>,
  state: Known,
): readonly ProductEvent[] {
  switch (command.type) {
    case 'ChangeProduct':
      return changed(command.changes, state);
    case 'PauseProduct':
      return state.status === 'paused' ? [] : [happened('ProductPaused', state)];
    case 'ResumeProduct':
      return state.status === 'active' ? [] : [happened('ProductResumed', state)];
    case 'CheckProduct': {
      const { requestId } = command;
      if (state.recent.includes(requestId)) return [];
      return [{ type: 'CheckRequested', data: { productId: state.productId, requestId } }];
    }
  }
}

function happened(type: keyof typeof statusAfter, { productId }: Known): ProductEvent {
  return { type, data: { productId } };
}

function changed({ name, tags, group, schedule }: ProductChanges, state: Known): readonly ProductEvent[] {
  const { productId } = state;
  const differs = (wanted: unknown, current: unknown): boolean => canonical(wanted) !== canonical(current);
  const events: ProductEvent[] = [];
  if (name !== undefined && name !== state.name) {
    events.push({ type: 'ProductRenamed', data: { productId, name } });
  }
  if (tags !== undefined && differs(tags, state.tags)) {
    events.push({ type: 'ProductTagged', data: { productId, tags } });
  }
  if (group !== undefined && group !== state.group) {
    events.push({ type: 'ProductGrouped', data: { productId, group } });
  }
  if (schedule !== undefined && differs(schedule, state.schedule)) {
    events.push({ type: 'CheckScheduleChanged', data: { productId, schedule } });
  }
  return events;
}

function tracked(productId: string): ProductRejection {
  return { code: 'already-tracked', detail: 'The product is tracked already.', about: { productId } };
}

function sourceOff(source: string): ProductRejection {
  const detail = `The source ${source} is off for this tenant; an owner or admin can turn it on.`;
  return { code: 'source-off', detail, about: { source } };
}

function remember(recent: readonly string[], id: string): readonly string[] {
  return [...recent, id].slice(-remembered);
}
