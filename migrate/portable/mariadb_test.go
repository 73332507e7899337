package portable

var products = []product{liteProduct}
