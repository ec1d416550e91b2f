"""The pages: Historik and what it leads to, for people, in Swedish and English.

How a page is added, each step with its one place:

1. **Address**: a line in `paths.py`. Templates write `href('run', run_id=run.id)` and code `address(…)` or `go_to(…)`;
   nobody writes an address by hand. Nothing personal goes into one: what somebody types to find a person is sent by
   POST.
2. **Route**: a module of its own with `router = APIRouter(route_class=PageRoute, include_in_schema=False)`, which
   `routers.py` lists. `VisitorDep` gives who is signed in for an organisation (or leads to the sign-in, and an operator
   to Drift), `OperatorVisitorDep` an operator, `LanguageDep` takes `lang`. What it shows comes from `app.api.reading`
   and `app.views` for `visitor.viewer`, which decides what is masked; a route reads, decides nothing, and ends with
   `show_page(request, "name.html", visitor, page="name", …)`. Decisions are pure functions (`standings.py`) with a
   table of tests. Errors are raised as everywhere and become pages.
3. **Change**: a POST takes `OwnForm`, so that the form's token is checked, and ends with `go_to(…)`, a 303. Before it
   comes a page that says what will happen; the form is `<form method="post">` with the hidden `form_token`.
4. **Template**: `templates/name.html` extends `layout.html`; what several pages show is a macro in `parts.html`. No
   style and no script within: the policy forbids both. It works without JavaScript, with one `h1`, headings in order, a
   caption for each table, `scope` for each of its heads. A state is said in words, with a sign and a tone:
   `badge(standing_of(run), t)`. Bars are `<progress>`.
5. **Live**: a part that changes is a template of its own, included by the page and given alone to htmx, with
   `hx-get`, `hx-trigger="every 2s"`, `hx-swap="outerHTML"`. Its address has `seen`, a digest of what is shown: while
   that is the same, `live_part(…)` answers 204. The attributes are left out as soon as nothing more will happen. What
   is asked for by htmx keeps no session going.
6. **Words**: `app/catalogue/pages/<page>.toml`, each key in Swedish and English; `t('key', name=value)` in templates. A
   test holds that both are there and that each is used.
7. **Tests**: `tests/web/` has what the page shows and refuses over HTTP, and one pass through it in the browser with
   `check_page(page)` (axe-core, no console errors). `python -m tests.web.screenshots` takes its picture.

`visitors.py` has sessions and forms, `pages.py` how answers leave, `render.py` what templates can call, `files.py` the
style, our script and htmx.
"""
