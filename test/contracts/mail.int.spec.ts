import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { SMTPServer } from 'smtp-server';
import { onFailpoint } from '@daybook/infra/failpoints/failpoint.ts';
import { mailboxIndex, mailboxMail } from '@daybook/infra/mail/mailbox.ts';
import { smtpMail } from '@daybook/infra/mail/smtp.ts';
import { registerContract } from './contract.ts';
import { mailClauses } from './mail.contract.ts';

const message = { to: 'ada@example.org', subject: 'Welcome', text: 'Hello.' };

async function newMailbox() {
  const folder = await mkdtemp(join(tmpdir(), 'daybook-mail-'));
  return { folder, close: () => rm(folder, { recursive: true }) };
}

async function mailsIn(folder: string): Promise<readonly string[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.eml'));
  return Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
}

registerContract('mail', 'mailbox', mailClauses, async () => {
  const { folder, close } = await newMailbox();
  return { port: { mail: mailboxMail(folder), arrived: () => mailsIn(folder) }, close };
});

type Reply = Readonly<{ at: 'from' | 'to' | 'data'; code: number }>;

/** A mail server on a free port of the loopback that keeps what it takes; `reply` refuses. */
async function mailServer(reply?: Reply) {
  const mails: string[] = [];
  const answer = (at: Reply['at']): Error | null =>
    reply?.at === at ? Object.assign(new Error(`no, ada@example.org`), { responseCode: reply.code }) : null;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onMailFrom: (_address, _session, callback) => {
      callback(answer('from'));
    },
    onRcptTo: (_address, _session, callback) => {
      callback(answer('to'));
    },
    onData: (stream, _session, callback) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        if (answer('data') === null) mails.push(Buffer.concat(chunks).toString('utf8'));
        callback(answer('data'));
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const settings = {
    smtpHost: '127.0.0.1',
    smtpPort: (server.server.address() as AddressInfo).port,
    smtpSecure: false,
    from: 'Daybook <books@daybook.example>',
  };
  return {
    mails,
    settings,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(resolve);
      }),
  };
}

registerContract('mail', 'smtp', mailClauses, async () => {
  const { mails, settings, close } = await mailServer();
  return { port: { mail: smtpMail(settings), arrived: () => Promise.resolve(mails) }, close };
});

describe('mail: mailbox', () => {
  test('lists every mail once, readable only by its owner, also after a restart', async () => {
    const { folder, close } = await newMailbox();
    await mailboxMail(folder).send('1', message);
    await mailboxMail(folder).send('1', message);
    const lines = (await readFile(join(folder, mailboxIndex), 'utf8')).trim().split('\n');
    expect(lines).toEqual([
      expect.stringMatching(/^\S+Z {2}[0-9a-f]{16}\.eml {2}ada@example\.org {2}Welcome$/),
    ]);
    expect((await stat(join(folder, mailboxIndex))).mode & 0o077).toBe(0);
    expect((await readdir(folder)).length).toBe(2);
    await close();
  });

  test('a death between a mail and its line in the index: the repeat adds the line, and no second mail', async () => {
    const { folder, close } = await newMailbox();
    const disarm = onFailpoint('mailbox.linked', {
      does: () => {
        throw new Error('killed');
      },
    });
    await expect(mailboxMail(folder).send('1', message)).rejects.toThrow();
    disarm();
    expect(await readdir(folder)).toEqual([expect.stringMatching(/^[0-9a-f]{16}\.eml$/)]);
    await mailboxMail(folder).send('1', message);
    await mailboxMail(folder).send('1', message);
    expect((await readFile(join(folder, mailboxIndex), 'utf8')).trim().split('\n')).toHaveLength(1);
    expect((await readdir(folder)).length).toBe(2);
    await close();
  });

  test('says when its folder cannot be written', async () => {
    const { folder, close } = await newMailbox();
    await writeFile(join(folder, 'file'), '');
    await expect(mailboxMail(join(folder, 'file')).send('1', message)).rejects.toMatchObject({
      code: 'data-folder-unusable',
      retry: 'later',
    });
    await close();
  });
});

describe('mail: smtp', () => {
  test('repeats of an id after a restart carry the same Message-ID of the sender’s domain', async () => {
    const { mails, settings, close } = await mailServer();
    await smtpMail(settings).send('1', { ...message, html: '<p>Hello.</p>' });
    await smtpMail(settings).send('1', message);
    const ids = mails.map((mail) => /^message-id: (.+)$/im.exec(mail)?.[1]);
    expect(ids).toEqual([expect.stringMatching(/@daybook\.example>$/), ids[0]]);
    await close();
  });

  test.each([
    [{ at: 'from', code: 451 }, 'later'],
    [{ at: 'to', code: 550 }, 'never'],
    [{ at: 'data', code: 452 }, 'later'],
  ] as const)('a refusal %j is repeated %s, and its error names no address', async (reply, retry) => {
    const { mails, settings, close } = await mailServer(reply);
    const error: unknown = await smtpMail(settings)
      .send('1', message)
      .catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: 'outside-failed', retry, fields: { reply: reply.code } });
    expect(JSON.stringify(error) + String(error)).not.toContain('ada@');
    expect(mails).toEqual([]);
    await close();
  });

  test('a server that is away is tried later; a password never goes over an open line', async () => {
    const { settings, mails, close } = await mailServer();
    const credentials = { smtpUser: 'u', smtpPassword: 'p' };
    await expect(smtpMail({ ...settings, ...credentials }).send('1', message)).rejects.toMatchObject({
      code: 'outside-failed',
    });
    expect(mails).toEqual([]);
    await close();
    await expect(smtpMail(settings).send('1', message)).rejects.toMatchObject({
      code: 'outside-failed',
      retry: 'later',
    });
  });
});
