/** The hosts without which the program cannot ask its model: of the provider in use, and of its sign-in. */
import { type HostRule, parseHostRule } from '../sandbox/host-rules.ts';
import { chooseProvider, type Provider } from './provider.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Without an address of its own in the environment. */
const usual: Record<Provider['name'], (env: Env) => string[]> = {
  // The second one renews logins.
  anthropic: () => ['api.anthropic.com:443', 'platform.claude.com:443'],
  bedrock: (env) =>
    amazon(env, ['bedrock', 'bedrock-runtime', 'sts', 'oidc', 'portal.sso']).concat(
      `bedrock-mantle.${regionOf(env)}.api.aws:443`,
    ),
  anthropic_aws: (env) =>
    amazon(env, ['sts', 'oidc', 'portal.sso']).concat(`aws-external-anthropic.${regionOf(env)}.api.aws:443`),
  foundry: ({ ANTHROPIC_FOUNDRY_RESOURCE: resource }) => [
    ...(resource ? [`${resource}.services.ai.azure.com:443`] : []),
    'login.microsoftonline.com:443',
  ],
  vertex: (env) => googleHosts(env),
  anthropic_google_cloud: (env) => googleHosts(env),
};

const regionOf = (env: Env): string => env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || 'us-east-1';

function amazon(env: Env, services: readonly string[]): string[] {
  return services.map((service) => `${service}.${regionOf(env)}.amazonaws.com:443`);
}

function googleHosts(env: Env): string[] {
  const regions = Object.entries(env).flatMap(([name, value]) =>
    /^(CLOUD_ML_REGION|VERTEX_REGION_|ANTHROPIC_GOOGLE_CLOUD_LOCATION)/.test(name) && value ? [value] : [],
  );
  return [
    'aiplatform.googleapis.com:443',
    ...regions.flatMap((region) => [
      `${region}-aiplatform.googleapis.com:443`,
      `aiplatform.${region}.rep.googleapis.com:443`,
    ]),
    'oauth2.googleapis.com:443',
    'sts.googleapis.com:443',
    'iamcredentials.googleapis.com:443',
  ];
}

/** Trusted, as the operator chose them: they may be in the machine's own network, too. */
export function providerRules(env: Env): HostRule[] {
  const { name, names } = chooseProvider(env);
  const given = [...names].filter((each) => /^ANTHROPIC_.*BASE_URL$|^AWS_ENDPOINT_URL/.test(each));
  const urls = given.flatMap((each) => (URL.canParse(env[each] ?? '') ? [new URL(env[each] ?? '')] : []));
  const chosen = urls.map(({ hostname, port, protocol }) => `${hostname}:${port || (protocol === 'http:' ? 80 : 443)}`);
  // What has an address of its own needs no other; credentials of the clouds still come from theirs.
  const isElsewhere = name === 'anthropic' && urls.some(({ hostname }) => hostname !== 'api.anthropic.com');
  const others = isElsewhere ? [] : usual[name](env);
  return [...chosen, ...others].flatMap((text) => {
    const rule = parseHostRule(text);
    return rule ? [{ ...rule, isTrusted: true }] : [];
  });
}
