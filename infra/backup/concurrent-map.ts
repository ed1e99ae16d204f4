/**
 * Works on items, a few at a time, and yields the answers in the order of the items. The next item is asked for only when
 * there is room for it: `limit` items and answers are held at most. Once it ends, also by a failure or because nobody asks
 * on, nothing is under way any more.
 * @throws what the first item that failed, by their order, failed with
 */
export async function* concurrentMap<Item, Answer>(
  items: AsyncIterable<Item> | Iterable<Item>,
  limit: number,
  work: (item: Item) => Promise<Answer>,
): AsyncGenerator<Answer, void, undefined> {
  const underWay: Promise<Answer>[] = [];
  try {
    for await (const item of items) {
      const answer = work(item);
      // It may fail while an earlier one is awaited.
      answer.catch(() => undefined);
      underWay.push(answer);
      if (underWay.length >= limit) yield await (underWay.shift() as Promise<Answer>);
    }
    for (let next = underWay.shift(); next !== undefined; next = underWay.shift()) yield await next;
  } finally {
    await Promise.allSettled(underWay);
  }
}
