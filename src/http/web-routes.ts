import { z } from 'zod';
import { BooError } from '../protocol/error.ts';
import { route, type Route } from './route.ts';
import type { WebFile, WebFiles } from './web-files.ts';

// The name of every part of a bundle contains a digest of its content, so browsers may keep it forever; the page itself
// they may not.
const forEver = 'public, max-age=31536000, immutable';

const assetPath = z.object({ file: z.string().max(200) });

function answer(file: WebFile, request: Request, cacheControl: string): Response {
  const isCompressed = /\bgzip\b/.test(request.headers.get('accept-encoding') ?? '');
  return new Response(isCompressed ? file.compressed : file.body, {
    headers: {
      'content-type': file.contentType,
      'cache-control': cacheControl,
      vary: 'accept-encoding',
      ...(isCompressed ? { 'content-encoding': 'gzip' } : {}),
    },
  });
}

/** The web app. It contains nothing secret, and asks for the token itself. */
export function webRoutes(web: WebFiles): Route[] {
  return [
    route(
      {
        id: 'getApp',
        method: 'GET',
        path: '/',
        policy: 'static',
        summary: 'The web app',
        errors: ['not_found'],
        responses: { 200: { description: 'A page.', contentType: 'text/html', schema: z.string() } },
      },
      {},
      async ({ request }) => {
        const page = await web.find('index.html');
        if (!page) throw new BooError('not_found', 'The web app has not been built: run `npm run build` and restart.');
        return answer(page, request, 'no-cache');
      },
    ),
    route(
      {
        id: 'getAsset',
        method: 'GET',
        path: '/assets/{file}',
        policy: 'static',
        summary: 'A file of the web app',
        responses: {
          200: { description: 'A script, a style or an icon.', contentType: 'text/javascript', schema: z.string() },
        },
      },
      { params: assetPath },
      async ({ params, request }) => {
        const file = await web.find(`assets/${params.file}`);
        if (!file) throw new BooError('not_found', 'This file does not exist on this server.');
        return answer(file, request, forEver);
      },
    ),
  ];
}
