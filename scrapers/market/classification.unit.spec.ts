import { load } from 'cheerio';
import { describe, expect, test } from '@jest/globals';
import { DaybookError, type ErrorCode } from '@daybook/kernel/errors.ts';
import type { FailureOutcome } from '@daybook/schemas/types/types.generated.ts';
import type { Fetched } from '../crawling/fetched.ts';
import type { Extraction } from '../extraction/extraction.ts';
import { failureOfAnswer, failureOfError, failureOfPage, isScripted } from './classification.ts';

const url = 'https://shop.example/p';
const long = 'A long page of the shop itself. '.repeat(200);

function page(html: string, more: Partial<Fetched> = {}): Fetched {
  const bytes = Buffer.from(html);
  return {
    url,
    status: 200,
    headers: {},
    contentType: 'text/html',
    bytes,
    text: html,
    $: load(html),
    ...more,
  };
}

const unread: Extraction = {
  method: null,
  product: false,
  price: null,
  availability: 'unknown',
  seller: null,
  title: null,
};

describe('an answer', () => {
  test.each<[number, FailureOutcome | null, boolean]>([
    [200, null, false],
    [204, null, false],
    [304, 'redirectLoop', false],
    [400, 'missing', false],
    [401, 'blocked', false],
    [403, 'blocked', false],
    [404, 'missing', false],
    [410, 'missing', false],
    [429, 'blocked', true],
    [451, 'blocked', false],
    [500, 'unreachable', true],
    [503, 'blocked', true],
    [520, 'unreachable', true],
    [999, 'blocked', false],
  ])('of status %i is %s', (status, outcome, passing) => {
    const failure = failureOfAnswer(page('<p>x', { status }));
    expect(failure?.outcome ?? null).toBe(outcome);
    expect(failure?.passing ?? false).toBe(passing);
  });

  test.each<[string, FailureOutcome | null]>([
    ['text/html', null],
    ['application/xhtml+xml', null],
    ['application/json', null],
    ['application/vnd.api+json', null],
    ['image/png', 'notContent'],
    ['application/pdf', 'notContent'],
    ['application/octet-stream', 'notContent'],
  ])('of type %s is %s', (contentType, outcome) => {
    expect(failureOfAnswer(page('<p>x', { contentType }))?.outcome ?? null).toBe(outcome);
  });

  test.each([403, 429, 503])('of status %i with a puzzle is captcha, whatever it asks for', (status) => {
    const failure = failureOfAnswer(page('<div class="cf-turnstile"></div>', { status }));
    expect(failure).toMatchObject({ outcome: 'captcha', passing: false });
  });
});

describe('a page without a price', () => {
  const judged = (html: string, more: Partial<Parameters<typeof failureOfPage>[0]> = {}): string =>
    failureOfPage({ asked: new URL(url), page: page(html), extraction: unread, lastMethod: null, ...more })
      .outcome;

  test.each<[string, string]>([
    ['captcha', '<script src="https://www.google.com/recaptcha/api.js"></script><p>One moment'],
    ['captcha', '<iframe src="https://geo.captcha-delivery.com/captcha/"></iframe>'],
    ['captcha', '<form method="get" action="/errors/validateCaptcha">'],
    ['blocked', '<title>Just a moment...</title>'],
    ['blocked', '<title>Access Denied</title><h1>Access Denied</h1>'],
    ['blocked', '<title>Pardon Our Interruption</title>'],
    ['blocked', '<h1>Are you a human?</h1>'],
    ['missing', '<title>404 - Shop</title>'],
    ['missing', '<h1>This product is no longer available</h1>'],
    ['missing', '<title>Seite nicht gefunden</title>'],
    ['noPrice', '<h1>Desk</h1>'],
    // A long page is the shop's own, with a puzzle in its contact form or a word in its title.
    ['noPrice', `<h1>Desk</h1><div class="g-recaptcha"></div><p>${long}`],
    ['noPrice', `<title>Access denied: the board game</title><p>${long}`],
  ])('is %s', (outcome, html) => {
    expect(judged(html)).toBe(outcome);
  });

  test('that describes a product has no price, whatever it looks like', () => {
    expect(judged('<div class="g-recaptcha">', { extraction: { ...unread, product: true } })).toBe('noPrice');
  });

  test('that had a price and describes no product has changed', () => {
    expect(judged('<h1>Magazine</h1>', { lastMethod: 'jsonLd' })).toBe('changed');
  });

  test('that is the front page is missing', () => {
    expect(
      judged('<h1>Welcome</h1>', { page: page('<h1>Welcome</h1>', { url: 'https://shop.example/' }) }),
    ).toBe('missing');
  });
});

test.each<[ErrorCode, FailureOutcome | null]>([
  ['address-forbidden', 'forbiddenAddress'],
  ['response-too-large', 'tooLarge'],
  ['redirect-loop', 'redirectLoop'],
  ['timeout', 'slow'],
  ['outside-failed', 'unreachable'],
  ['unavailable', null],
  ['aborted', null],
  ['data-folder-unusable', null],
])('the error %s is the outcome %s', (code, outcome) => {
  expect(failureOfError(new DaybookError(code, 'x'))?.outcome ?? null).toBe(outcome);
});

test('an error of the crawler is an outcome too', () => {
  expect(failureOfError(new Error('request timed out after 25 seconds.'))?.outcome).toBe('slow');
  expect(failureOfError(new Error('net::ERR_FAILED'))?.outcome).toBe('unreachable');
  expect(failureOfError(new RangeError('Maximum call stack size exceeded'))?.outcome).toBe('notContent');
});

test.each([
  ['<script>x()</script>', true],
  ['<script type="module" src="/a.js"></script>', true],
  ['<script type="text/javascript">x()</script>', true],
  ['<script type="application/ld+json">{}</script>', false],
  ['<script type="application/json">{}</script>', false],
  ['<p>x', false],
])('%s runs: %s', (html, scripted) => {
  expect(isScripted(page(html))).toBe(scripted);
});
