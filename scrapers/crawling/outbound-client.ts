import { Readable } from 'node:stream';
import type { BaseHttpClient, HttpRequest, RedirectHandler, StreamingHttpResponse } from '@crawlee/core';
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { OutboundHttp, OutboundResponse } from '@daybook/kernel/ports/outside.ts';
import { textOfBody, type BodyText } from './text-of-body.ts';

const mostRedirects = 5;

/** Headers that one origin gets and no other. */
const ofOrigin = new Set(['authorization', 'cookie', 'proxy-authorization']);

/** The answer behind a response that this client gave to Crawlee: its untouched body and headers, and its text. */
export type Answers = WeakMap<object, OutboundResponse & BodyText>;

/**
 * Crawlee's HTTP client over the guarded one: every page and redirect passes the guard. Bodies reach Crawlee decoded, as
 * UTF-8: its parser reads everything so. With a handler of redirects (sessions with cookies) each hop is a request of its
 * own; else the guarded client follows them.
 */
export function outboundClient(options: {
  outbound: OutboundHttp;
  timeoutMs: number;
  maxBytes: number;
  /** Follow redirects one by one, so that a session sees the cookies of each. */
  stepwise: boolean;
  answers: Answers;
}): BaseHttpClient {
  const { outbound, timeoutMs, maxBytes, stepwise, answers } = options;

  async function stream(request: HttpRequest, onRedirect?: RedirectHandler): Promise<StreamingHttpResponse> {
    const redirectUrls: URL[] = [];
    let url = String(request.url);
    let headers = plainHeaders(request.headers ?? {});
    for (;;) {
      const answer = await outbound.fetch({
        url,
        headers,
        timeoutMs,
        maxBytes,
        maxRedirects: stepwise ? 0 : mostRedirects,
      });
      const location = answer.headers['location'];
      if (!stepwise || answer.status < 300 || answer.status >= 400 || location === undefined) {
        return respond(request, answer, redirectUrls);
      }
      if (redirectUrls.length >= mostRedirects) {
        throw new DaybookError('redirect-loop', 'An outside answer redirects too often.');
      }
      const next = new URL(location, url);
      redirectUrls.push(next);
      const updated = { url: next, headers: headersFor(next, url, headers) };
      onRedirect?.(responseData(answer, redirectUrls), updated);
      url = next.href;
      headers = plainHeaders(updated.headers);
    }
  }

  function respond(
    request: HttpRequest,
    answer: OutboundResponse,
    redirectUrls: URL[],
  ): StreamingHttpResponse {
    const { text, contentType } = textOfBody(answer);
    const utf8 = Buffer.from(text);
    const body = new Readable({ read: () => undefined });
    body.push(utf8);
    body.push(null);
    answers.set(body, { ...answer, text, contentType });
    const progress = { percent: 1, transferred: utf8.length, total: utf8.length };
    const data = responseData(answer, redirectUrls);
    return {
      ...data,
      headers: { ...data.headers, 'content-type': `${contentType}; charset=utf-8` },
      request,
      stream: body,
      downloadProgress: progress,
      uploadProgress: progress,
    };
  }

  return {
    stream,
    sendRequest: () => Promise.reject(new Error('Pages are fetched as streams only.')),
  };
}

function responseData(answer: OutboundResponse, redirectUrls: URL[]) {
  const cookies = answer.headers['set-cookie'];
  return {
    redirectUrls,
    url: answer.url,
    statusCode: answer.status,
    headers: {
      ...answer.headers,
      // A comma inside an expiry date is followed by a day, one between cookies by a name and `=`.
      ...(cookies === undefined ? {} : { 'set-cookie': cookies.split(/,\s*(?=[^;,\s]+=)/) }),
    },
    trailers: {},
    complete: true,
  };
}

/** Headers for the next hop: what belongs to an origin stays with it. The handler of redirects sets the next one's cookies. */
function headersFor(
  next: URL,
  from: string,
  headers: Readonly<Record<string, string>>,
): Record<string, string | string[] | undefined> {
  const sameOrigin = next.origin === new URL(from).origin;
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => sameOrigin || !ofOrigin.has(name.toLowerCase())),
  );
}

function plainHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}
