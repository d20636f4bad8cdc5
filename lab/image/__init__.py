"""What images are made of: blobs, layers, the records of images and their names.

`blobs` keeps content by digest, `layer` turns archives into directories and back, `store` knows
the images and their names, `gc` and `validate` keep both in order, `archive` imports and exports
whole root file systems.
"""
