/** What `infra/deploy/` says of metrics is said of metrics that exist, and leads to pages that exist. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';
import { metricsRegistry, startProcessMetrics } from '@daybook/infra/telemetry/metrics.ts';
import { root, textOf } from '../support/source-files.ts';
import { anchors } from './markdown.ts';

type Alert = Readonly<{
  alert: string;
  expr: string;
  for?: string;
  labels: Readonly<{ severity: string }>;
  annotations: Readonly<{ summary?: string; runbook_url?: string }>;
}>;
type Panel = Readonly<{ id: number; type: string; title: string; targets?: readonly { expr: string }[] }>;

const file = (path: string): string => readFileSync(join(root, 'infra/deploy', path), 'utf8');
const { groups } = parse(file('prometheus/alerts.yml')) as { groups: { rules: Alert[] }[] };
const alerts = groups.flatMap(({ rules }) => rules);
const { panels } = JSON.parse(file('grafana/daybook.json')) as { panels: Panel[] };
const shown = panels.filter(({ type }) => type !== 'row');

/** Those that Prometheus adds to what it scrapes. */
const added = new Set(['instance', 'job']);
/** Metrics by the names they have in queries, with their labels. */
const known = new Map<string, ReadonlySet<string>>([['up', added]]);

beforeAll(() => {
  startProcessMetrics();
  // prom-client keeps a metric's labels to itself.
  type Metric = Readonly<{ name: string; type: string; labelNames?: readonly string[] }>;
  for (const metric of metricsRegistry.getMetricsAsArray() as unknown as readonly Metric[]) {
    const labels = new Set([...(metric.labelNames ?? []), ...added]);
    if (metric.type !== 'histogram') known.set(metric.name, labels);
    else {
      for (const suffix of ['_sum', '_count']) known.set(metric.name + suffix, labels);
      known.set(`${metric.name}_bucket`, new Set([...labels, 'le']));
    }
  }
});

/** What is wrong with an expression: its grammar, a metric or a label that does not exist. */
function problems(expr: string): readonly string[] {
  const found: string[] = [];
  const labelsOfAll = new Set<string>();
  const groupings: string[] = [];
  let labels: ReadonlySet<string> = new Set();
  parser.parse(expr).iterate({
    enter: (node) => {
      const text = expr.slice(node.from, node.to);
      if (node.type.isError) found.push(`"${expr}" is no PromQL at ${String(node.from)}`);
      if (node.name === 'Identifier' && node.node.parent?.name === 'VectorSelector') {
        if (!known.has(text)) found.push(`there is no metric ${text}`);
        labels = known.get(text) ?? new Set();
        labels.forEach((label) => labelsOfAll.add(label));
      }
      if (node.name === 'LabelName') {
        if (node.node.parent?.name === 'GroupingLabels') groupings.push(text);
        else if (!labels.has(text)) found.push(`there is no label ${text} in "${expr}"`);
      }
    },
  });
  if (labelsOfAll.size === 0) found.push(`"${expr}" asks for no metric`);
  for (const label of groupings) {
    if (!labelsOfAll.has(label)) found.push(`there is no label ${label} to group "${expr}" by`);
  }
  return found;
}

describe.each(alerts)('the alert $alert', ({ alert, expr, labels, annotations, ...rest }) => {
  test('asks for what there is', () => {
    expect(problems(expr)).toEqual([]);
  });

  test('says in a sentence what is wrong, how bad it is, and where to read on', () => {
    expect(annotations.summary).toMatch(/\.$/);
    expect(['warning', 'critical']).toContain(labels.severity);
    expect(rest.for).toMatch(/^\d+[mh]$/);
    const [page = '', anchor = ''] = (annotations.runbook_url ?? '').split('#');
    expect(anchor).toBe(alert.toLowerCase());
    expect([...anchors(textOf(page))]).toContain(anchor);
  });
});

test('every heading of the page for alerts is an alert', () => {
  const page = textOf('docs/how-to/answer-an-alert.md');
  const headings = [...page.matchAll(/^## (\S+)$/gm)].map(([, name]) => name);
  expect(headings).toEqual(alerts.map(({ alert }) => alert));
});

describe('the dashboard', () => {
  test.each(shown)('panel $title asks for what there is', ({ targets = [] }) => {
    expect(targets.length).toBeGreaterThan(0);
    expect(targets.flatMap(({ expr }) => problems(expr))).toEqual([]);
  });

  test('shows every metric of ours, each panel once', () => {
    const text = shown.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)).join(' ');
    const ours = metricsRegistry.getMetricsAsArray().filter(({ name }) => name.startsWith('daybook_'));
    expect(ours.map(({ name }) => name).filter((name) => !text.includes(name))).toEqual([]);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });
});

test('an unknown metric, an unknown label and a broken expression are found', () => {
  expect(problems('rate(daybook_gone_total[5m])')).toContain('there is no metric daybook_gone_total');
  expect(problems('daybook_relay_leads{tenant="a"}').join()).toContain('no label tenant');
  expect(problems('max by (tenant) (daybook_relay_leads)').join()).toContain('no label tenant to group');
  expect(problems('rate(daybook_commands_total[5m]').join()).toContain('no PromQL');
  expect(problems('1 + 1').join()).toContain('no metric');
});
