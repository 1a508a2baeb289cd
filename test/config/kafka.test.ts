import test from 'ava';
import { connectionConflicts, connectionKeys, withAbsoluteFiles } from '../../src/config/kafka.ts';
import { masked } from '../../src/config/problems.ts';
import { group } from '../../src/config/shapes.ts';

const connection = group(connectionKeys);
const brokers = ['kafka-1.example:9092'];

/** `path: message`, of values and of rules between them. */
function problemsOf(settings: unknown): string[] {
  const parsed = connection.safeParse(settings);
  const found = parsed.success ? connectionConflicts(parsed.data) : parsed.error.issues;
  return found.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

test('brokers are addresses with a port', (t) => {
  t.deepEqual(problemsOf({ brokers: ['kafka:9092', '10.0.0.1:1', '[::1]:65535'] }), []);
  for (const address of ['kafka', 'kafka:0', 'kafka:65536', 'http://kafka:9092', ':9092']) {
    t.regex(problemsOf({ brokers: [address] }).join(), /^brokers\.0: expected an address/, address);
  }
  t.deepEqual(problemsOf({ brokers: [] }), ['brokers: expected at least one address']);
  t.deepEqual(problemsOf({}), ['brokers: expected a list of at least one item, at most 64']);
  t.deepEqual(problemsOf({ brokers: 'k:1,l:1' }), [
    'brokers: expected a list of at most 64 items, written in brackets: [a, b]',
  ]);
  t.deepEqual(problemsOf({ brokers: ['kafka:9092', 'l:9092', 'Kafka:09092'] }), [
    'brokers.2: expected each broker only once',
  ]);
});

test('a certificate of ours has its key', (t) => {
  t.deepEqual(problemsOf({ brokers, tls: {} }), []);
  t.deepEqual(problemsOf({ brokers, tls: { certFile: 'a', keyFile: 'b' } }), []);
  const message = 'tls: expected both of "certFile" and "keyFile", or neither';
  t.deepEqual(problemsOf({ brokers, tls: { certFile: 'a' } }), [message]);
});

test('files of certificates are refused without TLS', (t) => {
  t.deepEqual(problemsOf({ brokers, tls: { enabled: false } }), []);
  t.deepEqual(problemsOf({ brokers, tls: { enabled: false, caFile: 'a' } }), [
    'tls.caFile: expected none with "enabled: false": nothing is encrypted, or checked',
  ]);
});

test('a mechanism takes what it needs, once, and nothing that it does not use', (t) => {
  const username = 'gauge';
  const mechanism = 'SCRAM-SHA-512';
  t.deepEqual(problemsOf({ brokers, sasl: { mechanism, username, password: 'a' } }), []);
  t.deepEqual(problemsOf({ brokers, sasl: { mechanism, username, passwordFile: 'a' } }), []);
  t.deepEqual(problemsOf({ brokers, sasl: { mechanism, password: 'a', passwordFile: 'b' } }), [
    'sasl: expected "username" with "mechanism: SCRAM-SHA-512"',
    'sasl: expected exactly one of "password" and "passwordFile" with "mechanism: SCRAM-SHA-512"',
  ]);
  t.deepEqual(problemsOf({ brokers, sasl: { mechanism, username, password: 'a', scope: 'b' } }), [
    'sasl.scope: expected none with "mechanism: SCRAM-SHA-512": it takes username, password, passwordFile',
  ]);
  t.deepEqual(problemsOf({ brokers, sasl: { mechanism: 'GSSAPI' } }), [
    'sasl.mechanism: expected one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER',
  ]);
});

test('a token is in a file or got from an endpoint', (t) => {
  const mechanism = 'OAUTHBEARER';
  const tokenUrl = 'https://login.example/token';
  const endpoint = { tokenUrl, clientId: 'gauge', clientSecretFile: 'secret', scope: 'kafka' };
  t.deepEqual(problemsOf({ brokers, sasl: { mechanism, tokenFile: 'token' } }), []);
  t.deepEqual(problemsOf({ brokers, sasl: { mechanism, ...endpoint } }), []);
  t.deepEqual(problemsOf({ brokers, sasl: { mechanism } }), [
    'sasl: expected exactly one of "tokenFile" and "tokenUrl" with "mechanism: OAUTHBEARER"',
  ]);
  t.deepEqual(problemsOf({ brokers, sasl: { mechanism, tokenUrl } }), [
    'sasl: expected "clientId" with "mechanism: OAUTHBEARER"',
    'sasl: expected exactly one of "clientSecret" and "clientSecretFile" with "mechanism: OAUTHBEARER"',
  ]);
  t.deepEqual(problemsOf({ brokers, sasl: { mechanism, tokenFile: 'token', scope: 'kafka' } }), [
    'sasl.scope: expected none with "mechanism: OAUTHBEARER": "tokenFile" holds the token',
  ]);
  t.regex(problemsOf({ brokers, sasl: { mechanism, tokenUrl: 'login' } }).join(), /tokenUrl/);
});

test('files start where they were written; secrets are not shown, where they are is', (t) => {
  const sasl = { mechanism: 'PLAIN', username: 'gauge', passwordFile: 'password' };
  const settings = connection.parse({ brokers, sasl, tls: { caFile: 'ca.pem' } });
  const absolute = withAbsoluteFiles(settings, (path, value) => `/etc/${path[0]}/${value}`);
  t.is(absolute.sasl?.passwordFile, '/etc/sasl/password');
  t.is(absolute.tls?.caFile, '/etc/tls/ca.pem');
  t.is(absolute.sasl?.username, 'gauge');
  t.is(masked(['sasl', 'passwordFile'], 'a'), 'a');
  t.is(masked(['sasl', 'password'], 'secret'), '*** (6 characters)');
});
