import { describe, expect, test } from '@jest/globals';
import { cut, paint, plainScreen, screenFor, terminalScreen, width } from '../terminal/screen.ts';
import { changeLine, emptyView, summaryLine, viewLines, withProducts, type ShownProduct } from './view.ts';

const lamp: ShownProduct = {
  productId: 'p1',
  name: 'Lamp',
  url: 'http://shop/products/lamp',
  status: 'active',
  price: null,
  availability: null,
  lastOutcome: null,
};
const at = (amountMinor: number): ShownProduct => ({
  ...lamp,
  price: { amountMinor, currency: 'EUR' },
  lastOutcome: 'price',
});
const plain = (text: string): string => text.replaceAll(/\u001b\[[0-9;]*m/g, '');

describe('the view', () => {
  test('a first price, a rise, a fall and a failure are changes; standing still is none', () => {
    const kinds: string[] = [];
    const lines: string[] = [];
    let view = emptyView;
    const failed = { ...at(900), lastOutcome: 'captcha' };
    for (const product of [lamp, at(1000), at(1000), at(1100), at(900), failed, failed, at(900)]) {
      const next = withProducts(view, [product], 0);
      view = next.view;
      kinds.push(next.changes[0]?.kind ?? '-');
      lines.push(...next.changes.map((change) => plain(changeLine(change))));
    }
    expect(kinds).toEqual(['-', 'first', '-', 'up', 'down', 'outcome', '-', '-']);
    expect(lines).toEqual([
      'Lamp: €10.00',
      'Lamp: €11.00 ▲ 10.0 %',
      'Lamp: €9.00 ▼ 18.2 %',
      'Lamp: asks for a captcha',
    ]);
    expect(view.moves).toBe(2);
    expect(plain(summaryLine({ ...view, lagMs: 12.4, observations: 3 }))).toBe(
      '1 products, 1 with a price · 3 checks recorded · 2 moves · 12 ms behind the log',
    );
  });

  test('lines say what is known of each product', () => {
    const { view } = withProducts(
      emptyView,
      [
        { ...lamp, name: null },
        { ...at(5), productId: 'p2', availability: 'outOfStock' },
        { ...lamp, productId: 'p3', name: 'Gone', lastOutcome: 'missing' },
      ],
      0,
    );
    const lines = viewLines(view, 10_000).map(plain).join('\n');
    expect(lines).toContain('/products/lamp');
    expect(lines).toContain('€0.05');
    expect(lines).toContain('sold out');
    expect(lines).toContain('the page is gone');
  });
});

describe('the screen', () => {
  test('colours count no width, and lines are cut whole', () => {
    expect(width(paint.red('abc'))).toBe(3);
    expect(cut('abc', 3)).toBe('abc');
    expect(plain(cut(`${paint.red('abcdef')}ghi`, 4))).toBe('abc…');
  });

  test('a terminal is painted over in place, and only when something changed', () => {
    const written: string[] = [];
    const screen = terminalScreen({ columns: 20, rows: 3, write: (text) => written.push(text) });
    screen.paint(['a', 'b', 'c']);
    screen.paint(['a', 'b', 'c']);
    screen.print(['above']);
    screen.paint(['a']);
    screen.close();
    expect(written).toHaveLength(3);
    expect(written[0]).not.toContain('c');
    expect(written[1]).toContain('above\n');
  });

  test('a pipe gets plain lines', () => {
    let text = '';
    const screen = plainScreen({ write: (more) => (text += more) });
    screen.paint(['nothing']);
    screen.print([paint.red('x')]);
    screen.close();
    expect(text).toBe('x\n');
    expect(screenFor({ isTTY: true, write: () => true })).toHaveProperty('paint');
    expect(screenFor({ write: () => true })).toHaveProperty('print');
  });
});
