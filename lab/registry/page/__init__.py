"""The Hub's small web page: accounts, repositories, tags, layers; like Docker Hub to look at.

`site` is its table of paths; `session` says who is looking; `contents` reads what is to be shown,
`views` and `forms` write it as HTML, with `html` and the `words` of two languages.  It has no
script, and every address in it is relative, so it works behind any proxy.
"""
