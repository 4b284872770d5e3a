/**
 * The model provider, and which variables the `claude` program reads to reach it: its keys, its URL and where it finds
 * credentials. An agent receives the variables of one provider only.
 */
import { BooError } from '../../protocol/error.ts';

export interface Provider {
  readonly name: 'anthropic' | 'bedrock' | 'foundry' | 'anthropic_aws' | 'anthropic_google_cloud' | 'vertex';
  readonly title: string;
  /** Any of them selects this provider. */
  readonly switches: readonly string[];
  /** They include the switches. */
  readonly names: ReadonlySet<string>;
}

function words(...lines: readonly string[]): string[] {
  return lines.flatMap((line) => line.split(' '));
}

/** What the program's AWS SDK reads to find credentials and a region. */
const aws = words(
  'AWS_REGION AWS_DEFAULT_REGION AWS_PROFILE AWS_DEFAULT_PROFILE AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE',
  'AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_LOGIN_CACHE_DIRECTORY',
  'AWS_ROLE_ARN AWS_ROLE_SESSION_NAME AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_CONTAINER_AUTHORIZATION_TOKEN AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE',
  'AWS_EC2_METADATA_DISABLED AWS_EC2_METADATA_SERVICE_ENDPOINT AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE',
  'AWS_ENDPOINT_URL AWS_ENDPOINT_URL_STS AWS_ENDPOINT_URL_SSO AWS_ENDPOINT_URL_SSO_OIDC',
  'AWS_USE_FIPS_ENDPOINT AWS_USE_DUALSTACK_ENDPOINT AWS_CA_BUNDLE',
);

/** What the program's Google authentication library reads. */
const google = words(
  'GOOGLE_APPLICATION_CREDENTIALS GOOGLE_CLOUD_PROJECT GOOGLE_CLOUD_QUOTA_PROJECT GCLOUD_PROJECT',
  'GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES CLOUDSDK_CONFIG CLOUDSDK_ACTIVE_CONFIG_NAME',
  'GCE_METADATA_HOST GCE_METADATA_IP METADATA_SERVER_DETECTION',
);

const anthropic: Provider = provider(
  'anthropic',
  'the Anthropic API',
  [],
  [
    'ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN CLAUDE_CODE_OAUTH_TOKEN ANTHROPIC_BASE_URL',
    'ANTHROPIC_PROFILE ANTHROPIC_CONFIG_DIR ANTHROPIC_ORGANIZATION_ID ANTHROPIC_WORKSPACE_ID ANTHROPIC_SCOPE',
    'ANTHROPIC_FEDERATION_RULE_ID ANTHROPIC_SERVICE_ACCOUNT_ID ANTHROPIC_IDENTITY_TOKEN ANTHROPIC_IDENTITY_TOKEN_FILE',
  ],
);

const others: readonly Provider[] = [
  // Both of its variants may be on: the program chooses between them by model.
  provider(
    'bedrock',
    'Amazon Bedrock',
    ['CLAUDE_CODE_USE_BEDROCK', 'CLAUDE_CODE_USE_MANTLE'],
    [
      'CLAUDE_CODE_SKIP_BEDROCK_AUTH ANTHROPIC_BEDROCK_BASE_URL ANTHROPIC_BEDROCK_REGION_PREFIX',
      'CLAUDE_CODE_SKIP_MANTLE_AUTH ANTHROPIC_BEDROCK_MANTLE_BASE_URL ANTHROPIC_BEDROCK_SERVICE_TIER',
      'AWS_BEARER_TOKEN_BEDROCK AWS_ENDPOINT_URL_BEDROCK AWS_ENDPOINT_URL_BEDROCK_RUNTIME',
      'ANTHROPIC_SMALL_FAST_MODEL_AWS_REGION',
      ...aws,
    ],
  ),
  provider(
    'foundry',
    'Microsoft Foundry',
    ['CLAUDE_CODE_USE_FOUNDRY'],
    [
      'CLAUDE_CODE_SKIP_FOUNDRY_AUTH ANTHROPIC_FOUNDRY_RESOURCE ANTHROPIC_FOUNDRY_BASE_URL',
      'ANTHROPIC_FOUNDRY_API_KEY ANTHROPIC_FOUNDRY_AUTH_TOKEN',
      'AZURE_TENANT_ID AZURE_CLIENT_ID AZURE_CLIENT_SECRET AZURE_USERNAME AZURE_PASSWORD AZURE_FEDERATED_TOKEN_FILE',
      'AZURE_CLIENT_CERTIFICATE_PATH AZURE_CLIENT_CERTIFICATE_PASSWORD AZURE_CLIENT_SEND_CERTIFICATE_CHAIN',
      'AZURE_AUTHORITY_HOST AZURE_ADDITIONALLY_ALLOWED_TENANTS AZURE_TOKEN_CREDENTIALS AZURE_CONFIG_DIR',
      'AZURE_POD_IDENTITY_AUTHORITY_HOST IDENTITY_ENDPOINT IDENTITY_HEADER MSI_ENDPOINT MSI_SECRET',
    ],
  ),
  provider(
    'anthropic_aws',
    'the Claude Platform on AWS',
    ['CLAUDE_CODE_USE_ANTHROPIC_AWS'],
    [
      'CLAUDE_CODE_SKIP_ANTHROPIC_AWS_AUTH ANTHROPIC_AWS_API_KEY ANTHROPIC_AWS_BASE_URL ANTHROPIC_AWS_WORKSPACE_ID',
      ...aws,
    ],
  ),
  provider(
    'anthropic_google_cloud',
    'the Claude Platform on Google Cloud',
    ['CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD'],
    [
      'CLAUDE_CODE_SKIP_ANTHROPIC_GOOGLE_CLOUD_AUTH ANTHROPIC_GOOGLE_CLOUD_BASE_URL ANTHROPIC_GOOGLE_CLOUD_LOCATION',
      'ANTHROPIC_GOOGLE_CLOUD_PROJECT ANTHROPIC_GOOGLE_CLOUD_WORKSPACE_ID',
      ...google,
    ],
  ),
  provider(
    'vertex',
    'Google Vertex AI',
    ['CLAUDE_CODE_USE_VERTEX'],
    ['CLAUDE_CODE_SKIP_VERTEX_AUTH ANTHROPIC_VERTEX_BASE_URL ANTHROPIC_VERTEX_PROJECT_ID CLOUD_ML_REGION', ...google],
  ),
];

function provider(
  name: Provider['name'],
  title: string,
  switches: readonly string[],
  lines: readonly string[],
): Provider {
  return { name, title, switches, names: new Set([...switches, ...words(...lines)]) };
}

/** Values that the program treats as true. */
function isOn(value: string | undefined): boolean {
  return ['1', 'true', 'yes', 'on'].includes((value ?? '').trim().toLowerCase());
}

/** Throws `config_invalid` if several are selected: the program would silently use one of them. */
export function chooseProvider(env: Readonly<Record<string, string | undefined>>): Provider {
  const chosen = others.filter(({ switches }) => switches.some((name) => isOn(env[name])));
  const [first, second] = chosen;
  if (first && second) {
    const [one, other] = [first, second].map(({ switches }) => switches.find((name) => isOn(env[name])));
    throw new BooError(
      'config_invalid',
      `${one} and ${other} are both on: agents use one provider. Unset one of them.`,
    );
  }
  return first ?? anthropic;
}

/** A region for one model. New models come out often, and a region is no secret. */
const vertexRegion = /^VERTEX_REGION_CLAUDE_[A-Z0-9_]+$/;

export function isOfProvider({ name, names }: Provider, variable: string): boolean {
  return names.has(variable) || (name === 'vertex' && vertexRegion.test(variable));
}
