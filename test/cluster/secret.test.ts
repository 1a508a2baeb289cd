import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { clusterSecret } from '../../src/cluster/secret.ts';

const SECRET = 'a secret that all nodes have';

function fileOf(t: ExecutionContext, text: string): { readonly secretFile: string } {
  const dir = mkdtempSync(join(tmpdir(), 'cluster-secret-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const secretFile = join(dir, 'secret');
  writeFileSync(secretFile, text);
  return { secretFile };
}

test('the secret of a file is what stands there, without the line break at its end', async (t) => {
  t.is(await clusterSecret(fileOf(t, `${SECRET}\n`)), SECRET);
  t.is(await clusterSecret({ secret: SECRET }), SECRET);
});

for (const [what, text] of Object.entries({
  'is too short': 'short',
  'has more than a header may have': 'x'.repeat(1_025),
  'has two lines': `${SECRET}\n${SECRET}`,
  'has letters that a header does not carry': `${SECRET} ä`,
})) {
  test(`a secret of a file that ${what} is refused before anybody is asked with it`, async (t) => {
    const fault = await t.throwsAsync(clusterSecret(fileOf(t, text)), { code: 'config_invalid' });
    t.regex(fault.message, /secret must hold 16 to 1,024 printable/);
    t.false(fault.message.includes(SECRET));
  });
}

test('a file that cannot be read is named', async (t) => {
  const secretFile = join(tmpdir(), 'cluster-secret-that-is-not-there');
  await t.throwsAsync(clusterSecret({ secretFile }), { message: /not-there is unreadable/ });
});
