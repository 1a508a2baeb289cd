/** What brokers listen on beside PLAINTEXT, who may come in there, and the settings that this takes. */

export const SECURE_LISTENERS = ['SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const;
export type SecureListener = (typeof SECURE_LISTENERS)[number];

export interface KafkaSecurity {
  /** Of each broker, each with a port of its own. PLAINTEXT stays beside them, for brokers among themselves. */
  readonly listeners: readonly SecureListener[];
  /** Passwords by name, for PLAIN and both kinds of SCRAM; of letters and digits. */
  readonly users?: Readonly<Record<string, string>>;
  /** PEM: the broker's key with its chain, and who has signed its clients. On the listener SSL clients have to show a certificate. */
  readonly tls?: { readonly keyStoreFile: string; readonly caFile: string };
  /** Keys that sign tokens for OAUTHBEARER, as a JWKS. Without it tokens are believed that nobody has signed. */
  readonly jwksFile?: string;
  /** Who has no ACL may do nothing; whoever comes by PLAINTEXT may do all. */
  readonly authorizes?: boolean;
}

const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const;
const KAFKA_SECURITY = 'org.apache.kafka.common.security';
/** What a token has to be for. */
export const TOKEN_AUDIENCE = 'streamgauge';
/** A system property of brokers since 4.0: they read keys from nowhere else. */
const ALLOWED_URLS = 'org.apache.kafka.sasl.oauthbearer.allowed.urls';

/** Lines of `server.properties`. */
export function securityLines(security: KafkaSecurity): string[] {
  const { listeners, tls, authorizes } = security;
  const sasl = listeners.filter((listener) => listener.startsWith('SASL_'));
  return [
    ...listeners.filter((listener) => listener.endsWith('SSL')).flatMap((l) => tlsLines(l, tls)),
    ...(sasl.length > 0 ? [`sasl.enabled.mechanisms=${MECHANISMS.join(',')}`] : []),
    ...sasl.flatMap((listener) => saslLines(listener, security)),
    ...(authorizes === true
      ? [
          'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
          'super.users=User:ANONYMOUS',
        ]
      : []),
  ];
}

/** System properties of the broker's process. */
export const securityProperties = ({ jwksFile }: KafkaSecurity): Record<string, string> =>
  jwksFile === undefined ? {} : { [ALLOWED_URLS]: `file://${jwksFile}` };

/** What the storage is formatted with: SCRAM's users are part of the cluster's first metadata. */
export const scramArguments = ({ users = {} }: KafkaSecurity): string[] =>
  Object.entries(users).flatMap(([name, password]) =>
    MECHANISMS.filter((mechanism) => mechanism.startsWith('SCRAM')).flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${name},password=${password}]`,
    ]),
  );

function tlsLines(listener: SecureListener, tls: KafkaSecurity['tls']): string[] {
  if (tls === undefined) throw new Error(`the listener ${listener} needs \`tls\``);
  const prefix = `listener.name.${listener.toLowerCase()}.ssl.`;
  return [
    `${prefix}keystore.type=PEM`,
    `${prefix}keystore.location=${tls.keyStoreFile}`,
    `${prefix}truststore.type=PEM`,
    `${prefix}truststore.location=${tls.caFile}`,
    `${prefix}client.auth=${listener === 'SSL' ? 'required' : 'none'}`,
  ];
}

function saslLines(listener: SecureListener, { users = {}, jwksFile }: KafkaSecurity): string[] {
  const prefix = `listener.name.${listener.toLowerCase()}.`;
  const known = Object.entries(users).map(([name, password]) => ` user_${name}="${password}"`);
  const scram = `${KAFKA_SECURITY}.scram.ScramLoginModule required;`;
  const oauth = `${prefix}oauthbearer.sasl.`;
  return [
    `${prefix}plain.sasl.jaas.config=${KAFKA_SECURITY}.plain.PlainLoginModule required${known.join('')};`,
    `${prefix}scram-sha-256.sasl.jaas.config=${scram}`,
    `${prefix}scram-sha-512.sasl.jaas.config=${scram}`,
    `${oauth}jaas.config=${KAFKA_SECURITY}.oauthbearer.OAuthBearerLoginModule required;`,
    ...(jwksFile === undefined
      ? []
      : [
          `${oauth}server.callback.handler.class=${KAFKA_SECURITY}.oauthbearer.OAuthBearerValidatorCallbackHandler`,
          `${oauth}oauthbearer.jwks.endpoint.url=file://${jwksFile}`,
          `${oauth}oauthbearer.expected.audience=${TOKEN_AUDIENCE}`,
        ]),
  ];
}
