/**
 * Variables that no chat may set for its agent's process, although they are called secrets: those that say where the model's
 * key goes, or that have the program, or what it starts, load or run something else.
 */
import { isInherited, isServersOwn } from './agent-environment.ts';
import { providerNames } from './held-provider.ts';
import { isOfProvider, type Provider } from './provider.ts';

/** What people give agents to work with: fine, unless the model's own provider uses it. */
const credentials = new Set(
  [
    'AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_REGION AWS_DEFAULT_REGION',
    'AZURE_TENANT_ID AZURE_CLIENT_ID AZURE_CLIENT_SECRET GOOGLE_API_KEY GOOGLE_CLOUD_PROJECT',
  ].flatMap((line) => line.split(' ')),
);

const loaders = new RegExp(
  [
    '^(LD|DYLD|GLIBC|MALLOC|NODE|DENO|BUN|NPM|PNPM|YARN|COREPACK|JAVA|JDK|_JAVA|PERL5?|RUBY|PHP|LUA)_',
    '^(NPM_CONFIG_|PYTHON|PIP_|UV_|CARGO_|RUSTC|RUSTUP_|GOFLAGS|GOPROXY|GOROOT|GOENV|GOTOOLCHAIN|MAVEN_|GRADLE_|BUNDLE_|GEM_)',
    '^(RUBYOPT|RUBYLIB|PERL5LIB|PERL5OPT|PERL5DB|CLASSPATH|MAKEFLAGS|MFLAGS|TCLLIBPATH|R_PROFILE.*)$',
    '^(BASH_.*|SHELLOPTS|BASHOPTS|ENV|IFS|CDPATH|FPATH|MANPATH|PROMPT_COMMAND|PS[0-9]|ZDOTDIR|POSIXLY_CORRECT|GLOBIGNORE)$',
    '^(EDITOR|VISUAL|PAGER|BROWSER|LESSOPEN|LESSCLOSE|MANPAGER|TERMINFO.*|TERMCAP|LOCPATH|NLSPATH|GCONV_PATH|HOSTALIASES)$',
    '^(RES_OPTIONS|LOCALDOMAIN|OPENSSL_.*|SSL_.*|SSLKEYLOGFILE|CURL_.*|REQUESTS_CA_BUNDLE|WGETRC)$',
    '^GIT_(?!.*(TOKEN|PASSWORD|USERNAME)$)|^(SSH_.*|GNUPGHOME|DOCKER_HOST|KUBECONFIG)$',
    '^(CLAUDE|ANTHROPIC|OTEL|DISABLE|ENABLE|FORCE|USE_BUILTIN|API_TIMEOUT|MAX_THINKING|MAX_MCP|MCP_(TIMEOUT|TOOL_TIMEOUT)|IS_)_?',
    '^(XDG_|WINDIR|SYSTEMROOT|COMSPEC|PATHEXT|APPDATA|LOCALAPPDATA|PWD|OLDPWD|SHLVL|_)$|^XDG_',
  ].join('|'),
  'i',
);

export function isRefusedVariable(name: string, provider: Provider): boolean {
  const upper = name.toUpperCase();
  if (isServersOwn(name) || isInherited(name) || isInherited(upper) || isOfProvider(provider, upper)) return true;
  if (credentials.has(upper)) return false;
  return providerNames.test(name) || loaders.test(name);
}
