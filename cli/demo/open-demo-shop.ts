/** Opens the demo's shop where it stood before, if that port is still free. */
import type { DemoMemory, DemoNotebook } from './account.ts';
import { openShop, type RunningShop } from './shop/shop.ts';

/** The shop, and what the demo remembers of earlier starts. */
export async function openDemoShop(
  notebook: DemoNotebook,
): Promise<Readonly<{ shop: RunningShop; memory: DemoMemory }>> {
  const memory = (await notebook.read()) ?? { seed: 20_261_121, openedAtMs: Date.now() };
  const open = (port: number): Promise<RunningShop> =>
    openShop({ port, seed: memory.seed, elapsedMs: () => Date.now() - memory.openedAtMs });
  const shop = await open(memory.shopPort ?? 0).catch(() => open(0));
  const kept = { ...memory, shopPort: Number(new URL(shop.url).port) };
  await notebook.write(kept);
  return { shop, memory: kept };
}
