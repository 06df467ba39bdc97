"""A page as a reader of HTML sees it: its text, headings, links, and whatever it would fetch or run."""

from html.parser import HTMLParser

_VOID = {"meta", "br", "link", "img", "hr", "input"}


class Page(HTMLParser):
    """Raises AssertionError for tags that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.headings: list[int] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.fetched: list[str] = []
        self.handlers: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        if tag not in _VOID:
            self._open.append(tag)
        if tag in ("h1", "h2", "h3", "h4"):
            self.headings.append(int(tag[1]))
        if tag == "a":
            self.links.append(given["href"])
        self.ids += [given["id"]] if "id" in given else []
        self.fetched += [given[name] for name in ("src", "srcset", "xlink:href", "action") if name in given]
        self.fetched += [given["href"]] if tag in ("link", "use", "image", "base") else []
        self.handlers += [name for name in given if name.startswith("on") or name == "style"]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.text += data
