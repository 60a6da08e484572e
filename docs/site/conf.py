"""How Sphinx makes the site of the documents: Markdown by MyST, the theme Furo, anchors as GitHub has them, a search that needs no server."""
project = "skyfold"
html_title = "skyfold"
extensions = ["myst_parser"]
myst_heading_anchors = 4
root_doc = "index"
html_theme = "furo"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_show_search_summary = False  # browsers do not fetch pages from files
html_last_updated_fmt = None
html_static_path = []
highlight_language = "none"
# Headings of pages may leave out a level; shown output of programs is not code of a language.
suppress_warnings = ["myst.header", "misc.highlighting_failure"]


def setup(app):
    app.connect("html-page-context", give_menu, priority=400)  # before the theme asks for it


def give_menu(app, page, template, context, doctree):
    """The menu from the titles alone: Sphinx would resolve the whole tree again for each page, which takes most of the time of a build."""
    context["toctree"] = lambda **options: menu(app, page)


def menu(app, page):
    from html import escape

    from sphinx.addnodes import toctree

    env = app.builder.env
    if not hasattr(app, "skyfold_menu"):
        trees = env.get_doctree("index").findall(toctree)
        app.skyfold_menu = [(tree["caption"], [(name, escape(env.titles[name].astext())) for name in tree["includefiles"]]) for tree in trees]
    parts = []
    for caption, entries in app.skyfold_menu:
        parts.append(f'<p class="caption" role="heading"><span class="caption-text">{caption}</span></p><ul>')
        for name, title in entries:
            current, at = (" current", "#") if name == page else ("", app.builder.get_relative_uri(page, name))
            parts.append(f'<li class="toctree-l1{current}"><a class="{current} reference internal" href="{at}">{title}</a></li>')
        parts.append("</ul>")
    return "\n".join(parts)
