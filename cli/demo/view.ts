/** What the demo shows: a small state, folded from what the interface answers, and its lines. */
import { paint, width } from '../terminal/screen.ts';
import { localAmount } from './shop/money.ts';

/** A product as the list of the interface has it; only what is shown. */
export type ShownProduct = Readonly<{
  productId: string;
  name: string | null;
  url: string;
  status: string;
  price: Readonly<{ amountMinor: number; currency: string }> | null;
  availability: string | null;
  lastOutcome: string | null;
}>;

/** One row of the view. `before` is the price before the last move. */
export type ShownRow = ShownProduct & Readonly<{ before: number | null; movedAtMs: number }>;

export type View = Readonly<{
  rows: readonly ShownRow[];
  observations: number;
  moves: number;
  /** Milliseconds from an observation's event to its sight in the list; null before the first. */
  lagMs: number | null;
}>;

/** The view before anything was seen. */
export const emptyView: View = { rows: [], observations: 0, moves: 0, lagMs: null };

/** What changed between two views, for plain lines. */
export type Change = Readonly<{ row: ShownRow; kind: 'first' | 'up' | 'down' | 'outcome' }>;

/** Takes in the list of products. Order of rows stays as first seen. */
export function withProducts(
  view: View,
  products: readonly ShownProduct[],
  nowMs: number,
): Readonly<{ view: View; changes: readonly Change[] }> {
  const known = new Map(view.rows.map((row) => [row.productId, row]));
  const changes: Change[] = [];
  for (const product of products) {
    const old = known.get(product.productId);
    const { row, kind } = nextRow(old, product, nowMs);
    known.set(product.productId, row);
    if (kind !== undefined) changes.push({ row, kind });
  }
  const moves = changes.filter(({ kind }) => kind === 'up' || kind === 'down').length;
  return { view: { ...view, rows: [...known.values()], moves: view.moves + moves }, changes };
}

function nextRow(
  old: ShownRow | undefined,
  product: ShownProduct,
  nowMs: number,
): { row: ShownRow; kind?: Change['kind'] } {
  const before = old?.price?.amountMinor ?? null;
  const kind = moveKind(before, product.price?.amountMinor ?? null);
  if (kind !== undefined) return { row: { ...product, before, movedAtMs: nowMs }, kind };
  const row = { ...product, before: old?.before ?? null, movedAtMs: old?.movedAtMs ?? 0 };
  return failedAnew(old, product) ? { row, kind: 'outcome' } : { row };
}

function moveKind(before: number | null, after: number | null): 'first' | 'up' | 'down' | undefined {
  if (after === null || after === before) return undefined;
  if (before === null) return 'first';
  return after > before ? 'up' : 'down';
}

function failedAnew(old: ShownRow | undefined, { lastOutcome }: ShownProduct): boolean {
  return lastOutcome !== null && lastOutcome !== 'price' && lastOutcome !== (old?.lastOutcome ?? null);
}

/** How long a move stays marked. */
const freshMs = 4_000;

/** The lines of the live view. */
export function viewLines(view: View, nowMs: number): readonly string[] {
  const nameWidth = Math.max(12, ...view.rows.map((row) => width(title(row))));
  const head = `${'product'.padEnd(nameWidth)}  ${'price'.padStart(15)}  change`;
  const rows = view.rows.map((row) => {
    const name = title(row).padEnd(nameWidth);
    const problem = row.lastOutcome !== null && row.lastOutcome !== 'price';
    if (row.price === null) {
      return problem
        ? `${name}  ${'–'.padStart(15)}  ${paint.yellow(outcomeWords(row.lastOutcome))}`
        : paint.dim(`${name}  ${'…'.padStart(15)}`);
    }
    const price = priceText(row.price).padStart(15);
    const fresh = row.before !== null && nowMs - row.movedAtMs < freshMs;
    const note = problem ? `  ${paint.yellow(outcomeWords(row.lastOutcome))}` : availabilityNote(row);
    return `${name}  ${fresh ? paint.bold(price) : price}  ${moveText(row)}${note}`;
  });
  return ['', paint.dim(head), ...rows, '', summaryLine(view)];
}

/** One plain line for a change. */
export function changeLine({ row, kind }: Change): string {
  const name = title(row);
  switch (kind) {
    case 'first':
      return `${name}: ${row.price === null ? '' : priceText(row.price)}`;
    case 'up':
    case 'down':
      return `${name}: ${row.price === null ? '' : priceText(row.price)} ${moveText(row)}`;
    case 'outcome':
      return `${name}: ${outcomeWords(row.lastOutcome)}`;
  }
}

/** The line under the table. */
export function summaryLine(view: View): string {
  const priced = view.rows.filter((row) => row.price !== null).length;
  const lag =
    view.lagMs === null ? '' : ` · ${String(Math.max(0, Math.round(view.lagMs)))} ms behind the log`;
  return paint.dim(
    `${String(view.rows.length)} products, ${String(priced)} with a price · ${String(view.observations)} checks recorded · ${String(view.moves)} moves${lag}`,
  );
}

function title(row: ShownProduct): string {
  return row.name ?? new URL(row.url).pathname;
}

function priceText(price: Readonly<{ amountMinor: number; currency: string }>): string {
  return localAmount(price.amountMinor, price.currency, 'en');
}

function moveText(row: ShownRow): string {
  if (row.before === null || row.price === null || row.before === row.price.amountMinor) return '';
  const percent = (100 * (row.price.amountMinor - row.before)) / row.before;
  const text = `${Math.abs(percent).toFixed(1)} %`;
  return percent > 0 ? paint.red(`▲ ${text}`) : paint.green(`▼ ${text}`);
}

function availabilityNote(row: ShownProduct): string {
  const notes: Readonly<Record<string, string>> = {
    outOfStock: 'sold out',
    preOrder: 'pre-order',
    backOrder: 'back-order',
    limited: 'few left',
    discontinued: 'discontinued',
  };
  const note = notes[row.availability ?? ''];
  return note === undefined ? '' : paint.dim(`  ${note}`);
}

/** Outcomes of a check in words. */
function outcomeWords(outcome: string | null): string {
  const words: Readonly<Record<string, string>> = {
    blocked: 'the shop blocks us',
    captcha: 'asks for a captcha',
    missing: 'the page is gone',
    changed: 'the page changed',
    noPrice: 'no price on the page',
    robotsDisallowed: 'robots.txt says no',
    unreachable: 'the shop does not answer',
    slow: 'the shop is too slow',
    tooLarge: 'the page is too large',
    redirectLoop: 'redirects in circles',
    forbiddenAddress: 'points inside',
    needsBrowser: 'needs a browser',
    notContent: 'not a page',
  };
  return words[outcome ?? ''] ?? outcome ?? '';
}
