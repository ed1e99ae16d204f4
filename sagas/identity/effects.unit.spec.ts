import { describe, expect, test } from '@jest/globals';
import { memoryMail } from '@daybook/infra/mail/memory.ts';
import type { EffectContext } from '@daybook/infra/runtime/effect-handlers.ts';
import { oneTimeTokens } from '@daybook/infra/tokens/one-time-tokens.ts';
import { memoryVault } from '@daybook/infra/vault/memory.ts';
import type { CommandCall } from '@daybook/kernel/command.ts';
import { identityEffects } from './effects.ts';

const ada = { kind: 'subject', id: 'user-ada' } as const;
const signupId = '6d9e3c0e-3f43-5ad0-8a3b-5f2b8d0c1a11';

async function setUp(name = 'Ada') {
  const [vault, mail, sent] = [memoryVault(), memoryMail(), [] as CommandCall[]];
  const input = {
    signupId,
    email: await vault.seal(ada, 'ada@example.org'),
    name: await vault.seal(ada, name),
    expiresAt: '2026-01-02T00:00:00.000Z',
    commandId: 'command-1',
  };
  const context = {
    effectId: 'effect-1',
    send: (call: CommandCall) => {
      sent.push(call);
      return Promise.resolve({ ok: true, streamId: signupId, revision: 1, position: '1', answer: {} });
    },
  } as unknown as EffectContext;
  const run = async () => identityEffects({ vault, mail })['sendVerificationMail']?.(input, context);
  return { vault, mail, sent, run };
}

describe('the verification mail', () => {
  test('goes to the opened address with the token that the command gave, and is reported', async () => {
    const { vault, mail, sent, run } = await setUp();
    await run();
    await run();
    expect(mail.sent).toEqual([
      { id: 'effect-1', message: expect.objectContaining({ to: 'ada@example.org' }) as unknown },
    ]);
    const text = mail.sent[0]?.message.text ?? '';
    expect(text).toContain(`\n${oneTimeTokens(vault, 'verification').make(signupId, 'command-1')}\n`);
    expect(text).toContain('Hello Ada');
    expect(sent[0]).toEqual({ command: 'RecordVerificationMailSent', input: { signupId } });
  });

  test.each([
    ['Dr. Müller-Lüdenscheidt', 'Hello Dr. Müller-Lüdenscheidt,'],
    ['J.R. Smith', 'Hello J.R. Smith,'],
    ['Ada\n\nYour account is closed', 'Hello,'],
    ['Ada\u2028Call us', 'Hello,'],
    ['Win at prizes.example now', 'Hello,'],
    ['https://prizes', 'Hello,'],
    ['ada@example.org', 'Hello,'],
    ['A'.repeat(81), 'Hello,'],
  ])('greets %j by name only where that is simply a name', async (name, greeting) => {
    const { mail, run } = await setUp(name);
    await run();
    const [first, second] = mail.sent[0]?.message.text.split('\n') ?? [];
    expect([first, second]).toEqual([greeting, '']);
  });

  test('is not sent to somebody who was erased', async () => {
    const { vault, mail, sent, run } = await setUp();
    await vault.erase(ada);
    await run();
    expect([mail.sent, sent]).toEqual([[], []]);
  });
});
