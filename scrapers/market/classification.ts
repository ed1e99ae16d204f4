/** What a page without a price is: each case an outcome of its own with a sentence for people. Never a price. */
import { isDaybookError, type ErrorCode } from '@daybook/kernel/errors.ts';
import type { ExtractionMethod, FailureOutcome } from '@daybook/schemas/types/types.generated.ts';
import type { CheerioAPI } from 'cheerio';
import type { Fetched } from '../crawling/fetched.ts';
import type { Extraction } from '../extraction/extraction.ts';

/** Why a check gave no price. */
export type Failure = Readonly<{
  outcome: FailureOutcome;
  /** One sentence for people. */
  detail: string;
  /** It may pass: another attempt after a pause is worth it. */
  passing: boolean;
}>;

/** Statuses by which shops turn robots away; 999 and 430 are vendors' own. */
const turnedAway = new Set([401, 402, 403, 405, 406, 407, 412, 418, 421, 423, 428, 430, 451, 999]);
const readableTypes =
  /^(text\/(html|plain|xml)|application\/(xhtml\+xml|xml|json|ld\+json|javascript))$|\+(json|xml)$/;

/** Marks of puzzles: the common services' scripts, forms and widgets. */
const puzzle =
  /g-recaptcha|recaptcha\/api|h-captcha|hcaptcha\.com|cf-turnstile|challenges\.cloudflare\.com|captcha-delivery\.com|px-captcha|validateCaptcha|awswaf[^"']{0,500}captcha|arkoselabs|funcaptcha|geetest|<form[^>]{1,500}captcha/i;
/** Titles and sentences of walls that shops put before robots. */
const wall =
  /just a moment|attention required|access denied|pardon our interruption|are you (a )?(human|robot|person)|verify (that )?you are (a )?human|not a robot|robot check|bot or not|unusual traffic|automated (access|requests)|request unsuccessful|request blocked|security check|checking your browser|sicherheitsüberprüfung|zugriff verweigert|accès refusé|acceso denegado/i;
const gone =
  /\b404\b|\b410\b|(page|product|item|article|listing)[^.]{0,30}(not found|no longer|does ?n.t exist|unavailable)|not found|no longer (sold|available)|seite nicht gefunden|nicht mehr verfügbar|introuvable|n.existe (pas|plus)|no encontrad|non trovat|ページが見つかりません|页面不存在/i;
/** Longer pages are the shop's own, whatever stands in them. */
const wallChars = 3_000;

const failures: Readonly<Partial<Record<ErrorCode, Failure>>> = {
  'address-forbidden': {
    outcome: 'forbiddenAddress',
    detail: 'The address is not on the public internet, and is not fetched.',
    passing: false,
  },
  'response-too-large': {
    outcome: 'tooLarge',
    detail: 'The page is larger than what is read.',
    passing: false,
  },
  'redirect-loop': { outcome: 'redirectLoop', detail: 'The page redirects without end.', passing: false },
  timeout: { outcome: 'slow', detail: 'The shop did not answer in time.', passing: true },
  'outside-failed': { outcome: 'unreachable', detail: 'The shop could not be reached.', passing: true },
};

/** The page was fetched, and reading it failed. */
export const unreadable: Failure = {
  outcome: 'notContent',
  detail: 'The page could not be read.',
  passing: false,
};

/** The failure that an error of fetching stands for; null for trouble of our own, which is no outcome. */
export function failureOfError(error: unknown): Failure | null {
  if (isDaybookError(error)) return failures[error.code] ?? null;
  // A page that our own code stumbles over would stop its host for ever if it counted as trouble that passes.
  if (error instanceof RangeError || error instanceof TypeError || error instanceof SyntaxError)
    return unreadable;
  if (error instanceof Error && /timed? ?out/i.test(error.message)) return failures.timeout ?? null;
  return failures['outside-failed'] ?? null;
}

/** The failure that an answer is by its status or its kind of content, whatever stands in it; null for a page to read. */
export function failureOfAnswer(page: Fetched): Failure | null {
  const byStatus = failureOfStatus(page.status);
  if (byStatus?.outcome === 'blocked' && page.$ !== null && isPuzzle(page.$, page.text)) return puzzleFailure;
  if (byStatus !== null) return byStatus;
  if (!readableTypes.test(page.contentType)) {
    return failure('notContent', `The address leads to ${page.contentType}, not to a page.`);
  }
  return page.bytes.length === 0 ? failure('notContent', 'The page is empty.') : null;
}

function failureOfStatus(status: number): Failure | null {
  const said = `(status ${String(status)})`;
  if (status < 300) return null;
  if (status < 400) return failure('redirectLoop', 'The page redirects to nowhere.');
  if (status === 404) return failure('missing', 'The shop says that the page is not there.');
  if (status === 410) return failure('missing', 'The shop says that the page is gone for good.');
  if (status === 429 || status === 503) return failure('blocked', `The shop asks for a pause ${said}.`, true);
  if (turnedAway.has(status)) return failure('blocked', `The shop turns the scraper away ${said}.`);
  if (status >= 500) return failure('unreachable', `The shop answers with an error ${said}.`, true);
  return failure('missing', `The shop does not take the request ${said}.`);
}

/** The failure that a page is which was read and states no price. */
export function failureOfPage(options: {
  asked: URL;
  page: Fetched;
  extraction: Extraction;
  /** How the product's last price was found; null where there was none. */
  lastMethod: ExtractionMethod | null;
}): Failure {
  const { asked, page, extraction, lastMethod } = options;
  if (extraction.product) {
    const soldOut = extraction.availability === 'outOfStock' || extraction.availability === 'discontinued';
    return failure(
      'noPrice',
      soldOut
        ? 'The product is sold out, and the page states no price.'
        : 'The page describes the product and states no price.',
    );
  }
  const refused = page.$ === null ? null : failureOfDocument(page.$, page.text);
  if (refused !== null) return refused;
  if (new URL(page.url).pathname === '/' && asked.pathname !== '/') {
    return failure('missing', 'The shop sends visitors of this page to its front page.');
  }
  return lastMethod === null
    ? failure('noPrice', 'No price was found on the page.')
    : failure('changed', `The page had a price (${lastMethod}) and describes no product any more.`);
}

/** Walls and excuses that come with a status of success. */
function failureOfDocument($: CheerioAPI, html: string): Failure | null {
  if (isPuzzle($, html)) return puzzleFailure;
  if (visibleText($).length >= wallChars) return null;
  const head = `${$('title').first().text()} ${$('h1').first().text()}`;
  if (wall.test(head)) return failure('blocked', 'The shop shows a wall against robots.');
  return gone.test(head) ? failure('missing', 'The shop says that the page is not there.') : null;
}

/** Whether scripts run in a page: only then can a browser show more than what was served. */
export function isScripted({ $ }: Pick<Fetched, '$'>): boolean {
  return (
    $ !== null &&
    $('script')
      .get()
      .some(({ attribs }) => {
        const type = attribs['type']?.trim().toLowerCase() ?? '';
        return type === '' || type === 'module' || /javascript|ecmascript/.test(type);
      })
  );
}

const puzzleFailure: Failure = {
  outcome: 'captcha',
  detail: 'The shop asks to prove that the visitor is a person.',
  passing: false,
};

function failure(outcome: FailureOutcome, detail: string, passing = false): Failure {
  return { outcome, detail, passing };
}

/** A page that is little but a puzzle: many a shop has one in its contact form. */
function isPuzzle($: CheerioAPI, html: string): boolean {
  return puzzle.test(html.slice(0, 200_000)) && visibleText($).length < wallChars;
}

function visibleText($: CheerioAPI): string {
  const body = $('body').clone();
  body.find('script, style, template, noscript').remove();
  return body.text().replace(/\s+/g, ' ').trim();
}
