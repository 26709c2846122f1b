// What oidc-provider shows people, as JSON: the trials have no browser, and read it.

/** `GET /device` answers a page `input`; `POST /device` with its `xsrf` and a `user_code` goes on to
 *  `confirm`; and so with `confirm` or `abort`. */
const device = {
  userCodeInputSource: (ctx, form, out, error) => {
    show(ctx, { page: 'input', xsrf: xsrf(form), error: error?.name });
  },
  userCodeConfirmSource: (ctx, form, client, deviceInfo, userCode) => {
    show(ctx, { page: 'confirm', xsrf: xsrf(form), client_id: client.clientId, user_code: userCode });
  },
  successSource: (ctx) => show(ctx, { page: 'success' }),
};

/** A refusal that cannot be told to the client (RFC 6749 4.1.2.1). */
function error(ctx, out) {
  show(ctx, { page: 'error', ...out });
}

/** What ties the form to the session. */
function xsrf(form) {
  return /name="xsrf" value="([^"]*)"/.exec(form)?.[1];
}

function show(ctx, page) {
  ctx.type = 'application/json';
  ctx.body = page;
}

export const pages = { device, error };
