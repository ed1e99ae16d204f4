import { describe, expect, test } from '@jest/globals';
import type { Request } from '@crawlee/core';
import { findChromium } from '../chromium.ts';
import { crawlQueue } from './crawl-queue.ts';
import { textOfBody } from './text-of-body.ts';

describe('the text of a body', () => {
  const of = (body: Uint8Array, type?: string) =>
    textOfBody({ body, headers: type === undefined ? {} : { 'content-type': type } });
  const latin = (text: string): Buffer => Buffer.from(text, 'latin1');

  test.each<[string, Uint8Array, string | undefined, string, string]>([
    ['UTF-8 where nothing is said', Buffer.from('<p>é'), 'text/html', '<p>é', 'text/html'],
    ['the header', latin('<p>é'), 'text/html; charset=ISO-8859-1', '<p>é', 'text/html'],
    ['a quoted charset', latin('<p>é'), 'Text/HTML; charset="latin1"', '<p>é', 'text/html'],
    [
      'a meta tag',
      latin('<meta charset=windows-1252><p>\x80'),
      'text/html',
      '<meta charset=windows-1252><p>€',
      'text/html',
    ],
    [
      'an http-equiv tag',
      latin('<meta http-equiv="x" content="text/html; charset=iso-8859-15">\xa4'),
      'text/html',
      '<meta http-equiv="x" content="text/html; charset=iso-8859-15">€',
      'text/html',
    ],
    [
      'a byte order mark',
      Buffer.from('\ufeff<p>é', 'utf16le'),
      'text/html; charset=utf-8',
      '<p>é',
      'text/html',
    ],
    ['an unknown charset', Buffer.from('<p>é'), 'text/html; charset=klingon', '<p>é', 'text/html'],
    [
      'Shift JIS',
      Buffer.from([0x3c, 0x70, 0x3e, 0x89, 0x7e]),
      'text/html; charset=Shift_JIS',
      '<p>円',
      'text/html',
    ],
    ['no type, but HTML', Buffer.from(' <!doctype html><p>'), undefined, ' <!doctype html><p>', 'text/html'],
    ['no type, but JSON', Buffer.from('{}'), undefined, '{}', 'application/json'],
    [
      'no type, but XML',
      Buffer.from('<?xml version="1.0"?><a/>'),
      undefined,
      '<?xml version="1.0"?><a/>',
      'application/xml',
    ],
    ['no type at all', Buffer.from('x'), undefined, 'x', 'application/octet-stream'],
    ['nothing', Buffer.alloc(0), undefined, '', 'application/octet-stream'],
  ])('%s', (_, body, type, text, contentType) => {
    expect(of(body, type)).toEqual({ text, contentType });
  });
});

describe('the queue of pages', () => {
  const request = (uniqueKey: string): Request => ({ uniqueKey }) as unknown as Request;

  test('hands out in order, and knows what is under way', async () => {
    const queue = crawlQueue();
    queue.push(request('a'));
    queue.push(request('b'));
    expect([await queue.isEmpty(), queue.getTotalCount()]).toEqual([false, 2]);
    const first = await queue.fetchNextRequest();
    expect([first?.uniqueKey, queue.getPendingCount()]).toEqual(['a', 2]);
    await queue.markRequestHandled(request('a'));
    await queue.fetchNextRequest();
    await queue.reclaimRequest(request('b'));
    expect((await queue.fetchNextRequest())?.uniqueKey).toBe('b');
    await queue.markRequestHandled(request('b'));
    expect([await queue.isFinished(), await queue.handledCount(), await queue.fetchNextRequest()]).toEqual([
      true,
      2,
      null,
    ]);
  });

  test('takes no pages from anywhere else', async () => {
    await expect(crawlQueue().addRequest({ url: 'https://x.example' })).rejects.toThrow('host queue');
  });
});

test('a configured browser that does not exist is not replaced by another', () => {
  expect(findChromium('/nowhere/chromium')).toBeUndefined();
  expect(findChromium(process.execPath)).toBe(process.execPath);
});
