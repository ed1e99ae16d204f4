import { memoryVault } from '@daybook/infra/vault/memory.ts';
import { registerBroken, registerContract } from './contract.ts';
import { brokenVaults } from './vault.broken.ts';
import { vaultClauses } from './vault.contract.ts';

registerContract('vault', 'memory', vaultClauses, () => {
  const vault = memoryVault();
  return Promise.resolve({ port: { vault, another: () => vault }, close: () => Promise.resolve() });
});
registerBroken('vault', vaultClauses, brokenVaults);
